"""Nash-MTL for two gradients: multi-task learning as a bargaining game (Navon et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor


def nash_weights(gramian: Tensor) -> Tensor:
    """The bargaining solution G w = 1 / w (arXiv 2202.01017), in closed form for two gradients.

    Its two equations have equal right-hand sides after multiplication by w_1 and w_2, so that
    g_11 w_1^2 = g_22 w_2^2 and

        w_1 = (g_11 + g_12 |f| / |r|)^(-1/2)        w_2 = w_1 |f| / |r|

    The update is the bisector of both gradients, as IMTL-G's is for two; the lengths differ. An
    iterative solver is not needed, and torchjd's gives up in some cases and answers (1, 1).

    Args:
        gramian: [[|f|^2, <f, r>], [<f, r>, |r|^2]], (2, 2), with a positive diagonal.

    Returns:
        (w_1, w_2), (2,); zeros for opposite gradients, where nobody gains.
    """
    ratio = (gramian[0, 0] / gramian[1, 1]).sqrt()
    gain = gramian[0, 0] + gramian[0, 1] * ratio
    if not gain > 0:
        return torch.zeros_like(gramian[0])
    return torch.stack([torch.ones_like(ratio), ratio]) / gain.sqrt()
