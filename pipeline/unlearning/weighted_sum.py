"""The weighted sum of both gradients, known as GradDiff: f + w r."""

from __future__ import annotations

import torch
from torch import Tensor


def weighted_sum(like: Tensor, retain_weight: float) -> tuple[Tensor, Tensor]:
    """Coefficients of f and r; conflicts between them are left to cancel.

    Args:
        like: a scalar whose dtype and device the coefficients take.
        retain_weight: w, at least 0.

    Returns:
        (coefficient of f, coefficient of r), scalars.
    """
    return torch.ones_like(like), torch.full_like(like, retain_weight)
