"""One training step: losses, two gradients, the update rule, finite check, clip, step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.config import LossesConfig, UpdateConfig
from pipeline.diffusion.model import DiffusionModel
from pipeline.unlearning.batches import Batch
from pipeline.unlearning.gradients import (
    Gradient,
    coefficients,
    combine_into,
    products,
    take_gradient,
)
from pipeline.unlearning.objectives import Predictors, forget_loss, retain_loss
from pipeline.unlearning.telemetry import StepRecord, change_cosines, gradient_values
from pipeline.unlearning.workers import Workers

Objective = Callable[[DiffusionModel, Predictors, Batch, LossesConfig], Tensor]


class DivergedError(ArithmeticError):
    """A loss or a gradient is not finite: the run has failed and has no result."""


@dataclass(frozen=True)
class Stepper:
    """Everything that stays the same from step to step."""

    model: DiffusionModel
    predictors: Predictors
    parameters: list[nn.Parameter]
    optimizer: torch.optim.Optimizer
    losses: LossesConfig
    update: UpdateConfig
    workers: Workers

    def step(self, number: int, forget: Batch, retain: Batch, *, watch: bool) -> StepRecord | None:
        """Take step `number`, counted from 1, on the joint batches of all workers.

        Returns:
            Telemetry if `watch`, else None.

        Raises:
            DivergedError: a loss or a gradient is NaN or infinite; the parameters are untouched.
        """
        forgotten, f = self._gradient(forget_loss, forget)
        retained, r = self._gradient(retain_loss, retain)
        active = self._forgetting_is_on(forgotten)
        if not active:
            torch._foreach_zero_(f)
        scalars = products(f, r)
        _check_finite(number, forgotten, retained, scalars.forget_square, scalars.retain_square)
        # Only watched steps pay for a copy of r and of the parameters.
        before = [p.detach().clone() for p in self.parameters] if watch else []
        kept = [gradient.clone() for gradient in r] if watch else []
        rate = self._descend(number, combine_into(f, r, coefficients(scalars, self.update)))
        if not watch:
            return None
        values = {
            "forget_loss": float(forgotten),
            "retain_loss": float(retained),
            **gradient_values(scalars),
            "forget_active": float(active),
            **change_cosines(before, self.parameters, f, kept),
            "learning_rate": rate,
        }
        return StepRecord(number, values)

    def _gradient(self, objective: Objective, joint: Batch) -> tuple[Tensor, Gradient]:
        """A loss averaged over the joint batch, and its gradient, both over all workers."""
        size = len(joint.latents)
        batch = joint.rows(self.workers.share(size)).to(self.model.device)
        losses = objective(self.model, self.predictors, batch, self.losses)
        loss = self.workers.mean_loss(losses, size)
        loss.backward()
        return self.workers.averaged(loss), take_gradient(self.parameters)

    def _forgetting_is_on(self, forgotten: Tensor) -> bool:
        """False while the ascent's loss is above its cap (Ko et al. 2024: truncation)."""
        cap = self.losses.forget_loss_cap
        return self.losses.forget != "ascent" or cap is None or -float(forgotten) <= cap

    def _descend(self, number: int, gradient: Gradient) -> float:
        for parameter, tensor in zip(self.parameters, gradient, strict=True):
            parameter.grad = tensor
        if self.update.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.update.clip_norm)
        rate = self.update.learning_rate * min(1.0, number / max(1, self.update.warmup))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return rate


def _check_finite(number: int, *scalars: Tensor) -> None:
    names = ("forget loss", "retain loss", "forget gradient", "retain gradient")
    bad = [
        f"{name} is {float(value)}"
        for name, value in zip(names, scalars, strict=True)
        if not math.isfinite(value)
    ]
    if bad:
        raise DivergedError(
            f"step {number}: {', '.join(bad)}; lower update.learning_rate, or set "
            "losses.forget_loss_cap for an ascent"
        )
