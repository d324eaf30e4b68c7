"""The restricted gradient: the steepest update that raises neither loss, to first order.

Ko et al., "Boosting Alignment for Post-Unlearning Text-to-Image Generative Models", NeurIPS 2024,
arXiv 2412.07808.
"""

from __future__ import annotations

import torch
from torch import Tensor


def restricted_gradient(
    forget_square: Tensor, retain_square: Tensor, inner: Tensor, retain_weight: float
) -> tuple[Tensor, Tensor]:
    """Coefficients of the restricted gradient in the two gradients it is made of.

    With f and r the gradients of the forget and the retain loss, both to be descended, and
    c = min(<f, r>, 0), each gradient is projected off the other one where they conflict:

        d_f = f - (c / |r|^2) r        d_r = r - (c / |f|^2) f        d = d_f + w d_r

    which is d = (1 - w c / |f|^2) f + (w - c / |r|^2) r. Descending along d raises neither loss to
    first order: <d, f> >= 0 and <d, r> >= 0.

    Where a gradient is zero, c is zero and so is its share of the projection: d = f + w r.

    Args:
        forget_square: |f|^2, scalar.
        retain_square: |r|^2, scalar.
        inner: <f, r>, scalar.
        retain_weight: w, at least 0.

    Returns:
        (coefficient of f, coefficient of r), scalars.
    """
    conflict = inner.clamp(max=0.0)
    onto_forget = torch.where(forget_square > 0, conflict / forget_square, 0.0)
    onto_retain = torch.where(retain_square > 0, conflict / retain_square, 0.0)
    return 1.0 - retain_weight * onto_forget, retain_weight - onto_retain
