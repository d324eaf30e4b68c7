"""How an update rule weighs the two gradients, before and with the paper's restriction."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.config import UpdateConfig
from pipeline.unlearning.gradients import Products
from pipeline.unlearning.multi_objective import multi_objective_weights
from pipeline.unlearning.restricted_gradient import restricted_gradient


def coefficients(scalars: Products, update: UpdateConfig) -> tuple[Tensor, Tensor]:
    """What the update is made of: coefficients of the forget and the retain gradient."""
    weights = rule_weights(scalars, update)
    if update.restriction in ("gradient", "both"):
        return restricted_gradient(
            scalars.forget_square, scalars.retain_square, scalars.inner, weights
        )
    return weights


def rule_weights(scalars: Products, update: UpdateConfig) -> tuple[Tensor, Tensor]:
    """Weights (a, b) of the update a f + b r.

    The weighted sum (1, w) is known as GradDiff (Maini et al. 2024, arXiv 2401.06121). The
    multi-objective rules negotiate between f and w r.
    """
    one = torch.ones_like(scalars.inner)
    weight = update.retain_weight
    match update.rule:
        case "weighted_sum":
            return one, one * weight
        case "forget_only":
            return one, 0 * one
        case "retain_only":
            return 0 * one, one
        case rule:
            gramian = torch.stack(
                [
                    torch.stack([scalars.forget_square, weight * scalars.inner]),
                    torch.stack([weight * scalars.inner, weight**2 * scalars.retain_square]),
                ]
            )
            onto_forget, onto_retain = multi_objective_weights(gramian, rule, update.cagrad_radius)
            return onto_forget, weight * onto_retain
