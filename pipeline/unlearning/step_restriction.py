"""Restricting the step that an optimiser has just taken, whatever went into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from pipeline.unlearning.gradients import Gradient, inner_product
from pipeline.unlearning.preconditioner import metric
from pipeline.unlearning.restricted_step import StepProducts, restricted_step

_ATTEMPTS = 8
"""How often a step is corrected at most, as rounding swallows a part of each correction."""

_NEGLIGIBLE = 1e-6
"""Share of a slope that may be left over."""


@torch.no_grad()
def restrict_step(
    parameters: Sequence[nn.Parameter],
    before: Sequence[Tensor],
    gradients: tuple[Gradient, Gradient],
    optimizer: torch.optim.Optimizer,
    margin: float = 0.0,
) -> tuple[float, float]:
    """Move the parameters to the nearest point that raises neither loss to first order.

    Momentum, weight decay, clipping and warm-up are in the step and restricted with it. Nothing is
    exchanged between workers: parameters, joint gradients and optimiser are the same on all.

    Float32 parameters lose a part of small corrections, so what the change really does is measured
    again, and of a rise that is left over twice as much is taken away each time.

    Args:
        parameters: after the optimiser's step; changed in place.
        before: the same before it.
        gradients: of the forget and the retain loss, at `before`, averaged over all workers.
        optimizer: any of torch's; see `metric`.
        margin: see `restricted_step`.

    Returns:
        The multipliers (l_f, l_r); both zero if the step was allowed as it was.
    """
    forget, retain = gradients
    scales = metric(optimizer, parameters, gradients)
    step = _change(before, parameters)
    scaled = _divided(forget, scales), _divided(retain, scales)
    proposed = StepProducts(
        forget_square=float(inner_product(forget, scaled[0])),
        retain_square=float(inner_product(retain, scaled[1])),
        inner=float(inner_product(forget, scaled[1])),
        forget_slope=float(inner_product(forget, step)),
        retain_slope=float(inner_product(retain, step)),
        step_square=float(inner_product(step, _multiplied(step, scales))) if margin else 0.0,
    )
    multipliers = left = restricted_step(proposed, margin)
    for attempt in range(1, _ATTEMPTS + 1):
        if max(left) == 0:
            break
        for multiplier, tensors in zip(left, scaled, strict=True):
            if multiplier > 0:
                torch._foreach_add_(list(parameters), tensors, alpha=-multiplier)
        left = restricted_step(
            _left_over(proposed, gradients, _change(before, parameters), attempt)
        )
    return multipliers


def _left_over(
    proposed: StepProducts, gradients: tuple[Gradient, Gradient], step: Gradient, attempt: int
) -> StepProducts:
    """The products of a step that rounding has kept from being restricted, its rises magnified."""
    slopes = []
    for gradient, was in zip(
        gradients, (proposed.forget_slope, proposed.retain_slope), strict=True
    ):
        slope = float(inner_product(gradient, step))
        negligible = slope <= _NEGLIGIBLE * abs(was)
        slopes.append(min(slope, 0.0) if negligible else 2.0**attempt * slope)
    return replace(proposed, forget_slope=slopes[0], retain_slope=slopes[1])


def _change(before: Sequence[Tensor], after: Sequence[nn.Parameter]) -> Gradient:
    return [new - old for new, old in zip(after, before, strict=True)]


def _divided(tensors: Gradient, scales: Sequence[Tensor] | None) -> Gradient:
    return tensors if scales is None else [t / s for t, s in zip(tensors, scales, strict=True)]


def _multiplied(tensors: Gradient, scales: Sequence[Tensor] | None) -> Gradient:
    return tensors if scales is None else [t * s for t, s in zip(tensors, scales, strict=True)]
