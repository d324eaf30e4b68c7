"""Restricting the step that an optimiser has just taken, whatever went into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from pipeline.unlearning.descent import change
from pipeline.unlearning.gradients import Gradient, Summed, alone, inner_product
from pipeline.unlearning.preconditioner import divided, metric
from pipeline.unlearning.restricted_step import StepProducts, restricted_step

_ATTEMPTS = 8
"""How often a step is corrected at most, as rounding swallows a part of each correction."""

_NEGLIGIBLE = 1e-6
"""Share of a slope that may be left over."""


@torch.no_grad()
def restrict_step(
    parameters: Sequence[nn.Parameter],
    chunks: Sequence[slice],
    gradients: tuple[Gradient, Gradient],
    optimizer: torch.optim.Optimizer,
    proposed: StepProducts,
    margin: float = 0.0,
    summed: Summed = alone,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Move the parameters to the nearest point that raises neither loss to first order.

    Momentum, weight decay, clipping and warm-up are in the step and restricted with it.

    Float32 parameters lose a part of small corrections, so what a correction really does is
    measured from how the parameters change, chunk by chunk, and of a rise that is left over twice
    as much is taken away each time.

    Args:
        parameters: after the optimiser's step; changed in place.
        chunks: all of them, in parts.
        gradients: of the forget and the retain loss, before the step, averaged over all workers.
        optimizer: any of torch's; see `metric`.
        proposed: of the optimiser's step, over all parameters.
        margin: see `restricted_step`.
        summed: sums over workers, where each holds a part of the parameters.

    Returns:
        The multipliers (l_f, l_r), both zero if the step was allowed as it was; and both losses'
        slopes <f, s*>, <r, s*> as measured.
    """
    slopes = proposed.forget_slope, proposed.retain_slope
    multipliers = left = restricted_step(proposed, margin)
    for attempt in range(1, _ATTEMPTS + 1):
        if max(left) == 0:
            break
        done = [
            _correct(parameters[rows], (gradients[0][rows], gradients[1][rows]), optimizer, left)
            for rows in chunks
        ]
        by_forget, by_retain = summed(torch.stack(done).sum(0)).tolist()
        slopes = slopes[0] + by_forget, slopes[1] + by_retain
        left = restricted_step(_left_over(proposed, slopes, attempt))
    return multipliers, slopes


def _correct(
    parameters: Sequence[nn.Parameter],
    gradients: tuple[Gradient, Gradient],
    optimizer: torch.optim.Optimizer,
    multipliers: tuple[float, float],
) -> Tensor:
    """Correct a chunk by -D (l_f f + l_r r), and tell what that did to both slopes: (2,)."""
    scales = metric(optimizer, parameters, gradients)
    old = [p.detach().clone() for p in parameters]
    for multiplier, gradient in zip(multipliers, gradients, strict=True):
        if multiplier > 0:
            torch._foreach_add_(list(parameters), divided(gradient, scales), alpha=-multiplier)
    done = change(old, parameters)
    return torch.stack([inner_product(gradient, done) for gradient in gradients])


def _left_over(proposed: StepProducts, slopes: tuple[float, float], attempt: int) -> StepProducts:
    """The products of a step that rounding has kept from being restricted, its rises magnified."""
    magnified = []
    for slope, was in zip(slopes, (proposed.forget_slope, proposed.retain_slope), strict=True):
        negligible = slope <= _NEGLIGIBLE * abs(was)
        magnified.append(min(slope, 0.0) if negligible else 2.0**attempt * slope)
    return replace(proposed, forget_slope=magnified[0], retain_slope=magnified[1])
