"""The restricted gradient: the steepest update that raises neither loss, to first order.

Ko et al., "Boosting Alignment for Post-Unlearning Text-to-Image Generative Models", NeurIPS 2024,
arXiv 2412.07808.
"""

from __future__ import annotations

import torch
from torch import Tensor


def restricted_gradient(
    forget_square: Tensor,
    retain_square: Tensor,
    inner: Tensor,
    weights: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Coefficients of the restricted gradient in the two gradients it is made of.

    With f and r the gradients of the forget and the retain loss, both to be descended, and
    c = min(<f, r>, 0), each gradient is projected off the other one where they conflict, and the
    projections are added with the weights (a, b) of an update rule; the paper's are (1, w):

        d_f = f - (c / |r|^2) r        d_r = r - (c / |f|^2) f        d = a d_f + b d_r

    which is d = (a - b c / |f|^2) f + (b - a c / |r|^2) r. Descending along d raises neither loss
    to first order: <d, f> >= 0 and <d, r> >= 0 for a, b >= 0.

    Where a gradient is zero, c is zero and so is its share of the projection: d = a f + b r.

    Args:
        forget_square: |f|^2, scalar.
        retain_square: |r|^2, scalar.
        inner: <f, r>, scalar.
        weights: (a, b), scalars of at least 0.

    Returns:
        (coefficient of f, coefficient of r), scalars.
    """
    onto_forget, onto_retain = weights
    conflict = inner.clamp(max=0.0)
    off_forget = torch.where(forget_square > 0, conflict / forget_square, 0.0)
    off_retain = torch.where(retain_square > 0, conflict / retain_square, 0.0)
    return onto_forget - onto_retain * off_forget, onto_retain - onto_forget * off_retain
