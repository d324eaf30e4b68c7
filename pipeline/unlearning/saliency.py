"""SalUn's mask: only the parameters that the concept depends on most may move.

Fan et al. 2024, "SalUn: Empowering Machine Unlearning via Gradient-based Weight Saliency", arXiv
2310.12508.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.unlearning.gradients import Gradient

Mask = list[Tensor]
"""One tensor of zeros and ones a parameter, in the parameters' order and shapes."""


def saliency_mask(gradient: Gradient, share: float) -> Mask:
    """Ones where the gradient's magnitude is among the largest `share` of all elements.

    The paper thresholds the magnitudes; its default threshold, their median, is a share of one
    half. Of equal magnitudes at the threshold all are let through.

    Args:
        gradient: of the ascent's loss at the start.
        share: of the elements, in (0, 1].
    """
    magnitudes = torch.cat([tensor.abs().flatten() for tensor in gradient])
    kept = max(1, round(share * len(magnitudes)))
    # The kept-th largest is the (n - kept + 1)-th smallest.
    threshold = magnitudes.kthvalue(len(magnitudes) - kept + 1).values
    return [(tensor.abs() >= threshold).to(tensor.dtype) for tensor in gradient]
