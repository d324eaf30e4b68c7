"""One training step: losses, two gradients, the update rule, finite check, clip, step, restrict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.config import LossesConfig, UpdateConfig
from pipeline.diffusion.model import DiffusionModel
from pipeline.unlearning.batches import Batch
from pipeline.unlearning.gradients import (
    Gradient,
    Products,
    combine,
    combine_into,
    products,
    take_gradient,
)
from pipeline.unlearning.learning_rate import learning_rate
from pipeline.unlearning.objectives import forget_loss, retain_loss
from pipeline.unlearning.predictors import Predictors
from pipeline.unlearning.probe import Losses, Probe
from pipeline.unlearning.rules import coefficients
from pipeline.unlearning.saliency import Mask
from pipeline.unlearning.step_restriction import restrict_step
from pipeline.unlearning.telemetry import StepRecord, change_cosines, gradient_values
from pipeline.unlearning.workers import Workers

Objective = Callable[[DiffusionModel, Predictors, Batch, LossesConfig], Tensor]


class DivergedError(ArithmeticError):
    """A loss or a gradient is not finite: the run has failed and has no result."""


@dataclass(frozen=True)
class Stepper:
    """Everything that stays the same from step to step.

    Attributes:
        mask: of what may move; None for all of the parameters.
        probe: shortens steps that raise a loss; None where steps are taken as they are.
    """

    model: DiffusionModel
    predictors: Predictors
    parameters: list[nn.Parameter]
    optimizer: torch.optim.Optimizer
    losses: LossesConfig
    update: UpdateConfig
    workers: Workers
    mask: Mask | None = None
    probe: Probe | None = None

    def step(self, number: int, forget: Batch, retain: Batch, *, watch: bool) -> StepRecord | None:
        """Take step `number`, counted from 1, on the joint batches of all workers.

        Returns:
            Telemetry if `watch`, else None.

        Raises:
            DivergedError: a loss or a gradient is NaN or infinite; the parameters are untouched.
        """
        losses, f, r = self._gradients(forget, retain)
        active = self._forgetting_is_on(losses)
        if not active:
            torch._foreach_zero_(f)
        scalars = products(f, r)
        _check_finite(number, losses, scalars)
        restricts = self.update.restriction in ("step", "both")
        shares = coefficients(scalars, self.update)
        # Both gradients are needed afterwards to restrict the step, and to tell of it.
        combined = combine(f, r, shares) if restricts or watch else combine_into(f, r, shares)
        remembers = restricts or watch or self.probe is not None or self.mask is not None
        before = [p.detach().clone() for p in self.parameters] if remembers else []
        if self.probe is not None:
            self.probe.before()
        rate = self._descend(number, combined)
        if self.mask is not None:
            _hold_still(self.parameters, before, self.mask)
        told = self._restrict(before, (f, r)) if restricts else {}
        told |= self._shorten(before, self.probe) if self.probe is not None else {}
        if not watch:
            return None
        values = {
            **losses,
            **gradient_values(scalars),
            "forget_active": float(active),
            **change_cosines(before, self.parameters, f, r),
            "learning_rate": rate,
            **told,
        }
        return StepRecord(number, values)

    @torch.no_grad()
    def measure(self, forget: Batch, retain: Batch) -> Losses:
        """Both losses of joint batches, without a step; the forget loss not below minus its cap."""
        forgotten, retained = (
            float(self.workers.averaged(self._loss(objective, self._rows(joint), len(joint))))
            for objective, joint in ((forget_loss, forget), (retain_loss, retain))
        )
        cap = self.losses.forget_loss_cap
        return (forgotten if cap is None else max(forgotten, -cap)), retained

    def forget_gradient(self, batches: Iterable[Batch]) -> Gradient:
        """The forget loss's gradient, summed over several joint batches."""
        for joint in batches:
            self._backward(forget_loss, joint)
        return take_gradient(self.parameters)

    def _gradients(
        self, forget: Batch, retain: Batch
    ) -> tuple[dict[str, float], Gradient, Gradient]:
        """The losses that the rule looks at, and both gradients; zero is one that it does not."""
        whole = self.update.restriction != "none"
        losses: dict[str, float] = {}
        gradients = []
        for name, objective, joint, unused in (
            ("forget_loss", forget_loss, forget, "retain_only"),
            ("retain_loss", retain_loss, retain, "forget_only"),
        ):
            if whole or self.update.rule != unused:
                losses[name] = float(self._backward(objective, joint))
            gradients.append(take_gradient(self.parameters))
            if self.mask is not None:
                torch._foreach_mul_(gradients[-1], self.mask)
        return losses, gradients[0], gradients[1]

    def _backward(self, objective: Objective, joint: Batch) -> Tensor:
        """A loss averaged over the joint batch of all workers; gradients are left in place."""
        rows = self._rows(joint)
        total = torch.zeros((), device=self.model.device)
        # As many parts on all workers, however many rows they have: each waits for the others.
        parts = min(self.update.accumulate, len(joint) // self.workers.count)
        for part in range(parts):
            some = slice(len(rows) * part // parts, len(rows) * (part + 1) // parts)
            loss = self._loss(objective, rows.rows(some), len(joint))
            loss.backward()
            total += loss.detach()
        return self.workers.averaged(total)

    def _rows(self, joint: Batch) -> Batch:
        return joint.rows(self.workers.share(len(joint))).to(self.model.device)

    def _loss(self, objective: Objective, rows: Batch, joint: int) -> Tensor:
        losses = objective(self.model, self.predictors, rows, self.losses)
        return self.workers.mean_loss(losses, joint)

    def _forgetting_is_on(self, losses: dict[str, float]) -> bool:
        """False while the ascent's loss is above its cap (Ko et al. 2024: truncation)."""
        cap = self.losses.forget_loss_cap
        if cap is None or self.losses.forget != "ascent" or "forget_loss" not in losses:
            return True
        return not -losses["forget_loss"] > cap

    def _descend(self, number: int, gradient: Gradient) -> float:
        for parameter, tensor in zip(self.parameters, gradient, strict=True):
            parameter.grad = tensor
        if self.update.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.update.clip_norm)
        rate = learning_rate(self.update, number)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return rate

    def _restrict(
        self, before: list[Tensor], gradients: tuple[Gradient, Gradient]
    ) -> dict[str, float]:
        multipliers = restrict_step(
            self.parameters, before, gradients, self.optimizer, self.update.margin
        )
        return {"restricted": float(max(multipliers) > 0)}

    def _shorten(self, before: list[Tensor], probe: Probe) -> dict[str, float]:
        after = [p.detach().clone() for p in self.parameters]

        @torch.no_grad()
        def resize(share: float) -> None:
            for parameter, old, new in zip(self.parameters, before, after, strict=True):
                parameter.copy_(torch.lerp(old, new, share))

        return {"halvings": float(probe.shorten(resize))}


@torch.no_grad()
def _hold_still(parameters: list[nn.Parameter], before: list[Tensor], mask: Mask) -> None:
    """Undo what weight decay did to masked elements."""
    for parameter, old, moves in zip(parameters, before, mask, strict=True):
        parameter.copy_(torch.where(moves > 0, parameter, old))


def _check_finite(number: int, losses: dict[str, float], scalars: Products) -> None:
    named = {
        **{name.replace("_", " "): value for name, value in losses.items()},
        "forget gradient": float(scalars.forget_square),
        "retain gradient": float(scalars.retain_square),
    }
    bad = [f"{name} is {value}" for name, value in named.items() if not math.isfinite(value)]
    if bad:
        raise DivergedError(
            f"step {number}: {', '.join(bad)}; lower update.learning_rate, or set "
            "losses.forget_loss_cap for an ascent"
        )
