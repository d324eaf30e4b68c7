"""The metric in which an optimiser takes its steps: what it divides gradients by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.unlearning.eight_bit import in_full
from pipeline.unlearning.gradients import Gradient

_SECOND_MOMENTS = ("max_exp_avg_sq", "exp_avg_sq", "square_avg", "sum", "state2")
"""Where adaptive optimisers (torch's Adam and its kin with amsgrad first, RMSprop, Adagrad; then
bitsandbytes' AdamW) keep what they take the root of."""


def metric(
    optimizer: torch.optim.Optimizer,
    parameters: Sequence[nn.Parameter],
    gradients: tuple[Gradient, Gradient],
) -> list[Tensor] | None:
    """What a restricted step divides both gradients by: 1 / D, element by element.

    The optimiser's denominators, but nowhere below a gradient's magnitude. Where the second moment
    has not seen one of the gradients (in the first steps, or with a rule that leaves a loss out)
    the optimiser's own metric calls large moves cheap: single parameters then jump by a thousand
    learning rates, and rounding to bfloat16 decides which. Any positive values make a metric, so
    the restricted step keeps its promise; these make it the nearest one as the optimiser measures.

    Returns:
        One tensor a parameter, of its shape; None for an optimiser that scales nothing.
    """
    scales = denominators(optimizer, parameters)
    if scales is None:
        return None
    for scale, *pair in zip(scales, *gradients, strict=True):
        for gradient in pair:
            torch.maximum(scale, gradient.abs(), out=scale)
    return scales


def divided(tensors: Gradient, scales: Sequence[Tensor] | None) -> Gradient:
    """D times tensors, for 1 / D as `metric` gives it."""
    return tensors if scales is None else [t / s for t, s in zip(tensors, scales, strict=True)]


def multiplied(tensors: Gradient, scales: Sequence[Tensor] | None) -> Gradient:
    """Tensors divided by D."""
    return tensors if scales is None else [t * s for t, s in zip(tensors, scales, strict=True)]


def denominators(
    optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter]
) -> list[Tensor] | None:
    """What the optimiser's last step divided each gradient by, element by element.

    For Adam sqrt(v / (1 - beta_2^t)) + eps, after step t.

    Returns:
        One tensor a parameter, of its shape; None for an optimiser that scales nothing.
    """
    groups = {
        id(parameter): group for group in optimizer.param_groups for parameter in group["params"]
    }
    found = [_denominator(optimizer.state.get(p, {}), groups[id(p)]) for p in parameters]
    if all(tensor is None for tensor in found):
        return None
    return [
        torch.ones_like(parameter) if tensor is None else tensor
        for parameter, tensor in zip(parameters, found, strict=True)
    ]


def _denominator(state: dict[str, Any], group: dict[str, Any]) -> Tensor | None:
    moment = next((state[name] for name in _SECOND_MOMENTS if name in state), None)
    if moment is None:
        return None
    root = (in_full(moment, state) if moment.dtype == torch.uint8 else moment).sqrt()
    if "betas" in group:
        root /= (1 - group["betas"][1] ** float(state["step"])) ** 0.5
    # An optimiser without an eps, or with 0, would divide a gradient of zero by zero.
    return torch.as_tensor(root.add_(group.get("eps") or torch.finfo(root.dtype).tiny))
