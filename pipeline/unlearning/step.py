"""One training step: losses, two gradients, the update rule, finite check, clip, step, restrict."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from diffusers.training_utils import EMAModel
from torch import nn

from pipeline.config import UpdateConfig
from pipeline.unlearning.batches import Batch
from pipeline.unlearning.chunks import chunks
from pipeline.unlearning.descent import descend
from pipeline.unlearning.gradients import Direction, Gradient, Products, products
from pipeline.unlearning.learning_rate import learning_rate
from pipeline.unlearning.probe import Probe, resizing, share_left
from pipeline.unlearning.rules import coefficients
from pipeline.unlearning.saliency import Mask
from pipeline.unlearning.step_restriction import restrict_step
from pipeline.unlearning.step_sums import NOWHERE, Move, StepSums
from pipeline.unlearning.telemetry import StepRecord, change_cosines, gradient_values
from pipeline.unlearning.two_losses import TwoLosses


class DivergedError(ArithmeticError):
    """A loss or a gradient is not finite: the run has failed and has no result."""


@dataclass(frozen=True)
class Stepper:
    """Everything that stays the same from step to step.

    Beside the two gradients a step needs memory for a few chunks of parameters, and for all of them
    once more with a mask or an average, twice more with a probe.

    Attributes:
        parameters: those that move, or this worker's parts of them.
        mask: of what may move; None for all of the parameters.
        probe: shortens steps that raise a loss; None where steps are taken as they are.
        average: of the parameters over steps; None where their last values count.
    """

    objectives: TwoLosses
    parameters: list[nn.Parameter]
    optimizer: torch.optim.Optimizer
    update: UpdateConfig
    mask: Mask | None = None
    probe: Probe | None = None
    average: EMAModel | None = None

    def step(self, number: int, forget: Batch, retain: Batch, *, watch: bool) -> StepRecord | None:
        """Take step `number`, counted from 1, on the joint batches of all workers.

        Returns:
            Telemetry if `watch` or if the step is skipped, else None.

        Raises:
            DivergedError: a loss or a gradient is NaN or infinite; the parameters are untouched.
        """
        rate = self._set_rate(number)
        losses, f, r = self.objectives.gradients(forget, retain)
        active = self.objectives.forgetting_is_on(losses)
        self._hold_back(f, r, active=active)
        scalars = products(f, r, self.objectives.workers.summed)
        scaled = self._scaling(losses, scalars)
        if scaled.get("skipped"):
            return StepRecord(number, {**losses, "learning_rate": rate, **scaled})
        _check_finite(number, losses, scalars)
        if self.probe is None:
            move, told = self._descend((f, r), scalars, watch=watch)
        else:
            move, told = self._descend_watched((f, r), scalars, self.probe, watch=watch)
        if self.average is not None:
            self.average.step(self.parameters)
        if not watch:
            return None
        values = {
            **losses,
            **gradient_values(scalars),
            "forget_active": float(active),
            **change_cosines(move, scalars),
            "learning_rate": rate,
            **told,
            **scaled,
        }
        return StepRecord(number, values)

    def _scaling(self, losses: dict[str, float], scalars: Products) -> dict[str, float]:
        """What there is to tell of the loss scale: 1 for `skipped` if gradients overflowed."""
        scale = self.objectives.scale
        if scale is None or not all(map(math.isfinite, losses.values())):
            return {}
        value, squares = scale.value, (scalars.forget_square, scalars.retain_square)
        accepted = scale.accepts(finite=all(map(math.isfinite, squares)))
        return {"loss_scale": value, "skipped": float(not accepted)}

    def _hold_back(self, forget: Gradient, retain: Gradient, *, active: bool) -> None:
        """Leave out of both gradients what must not move."""
        if not active:
            torch._foreach_zero_(forget)
        if self.mask is not None:
            torch._foreach_mul_(forget, self.mask)
            torch._foreach_mul_(retain, self.mask)

    def _set_rate(self, number: int) -> float:
        rate = learning_rate(self.update, number)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _descend_watched(
        self, gradients: tuple[Gradient, Gradient], scalars: Products, probe: Probe, *, watch: bool
    ) -> tuple[Move, dict[str, float]]:
        """The same, shortened until the probe sees no loss rise."""
        probe.before()
        resize = resizing(self.parameters)
        move, told = self._descend(gradients, scalars, watch=watch)
        halvings = probe.shorten(resize)
        return move.times(share_left(halvings)), {**told, "halvings": float(halvings)}

    def _descend(
        self, gradients: tuple[Gradient, Gradient], scalars: Products, *, watch: bool
    ) -> tuple[Move, dict[str, float]]:
        """Combine, clip, step, restrict: where that went, and what there is to tell of it.

        Where the parameters went is told if it is watched.
        """
        restricts = self.update.restriction in ("step", "both")
        parts = chunks(self.parameters)
        onto_forget, onto_retain = coefficients(scalars, self.update)
        direction = Direction(*gradients, (float(onto_forget), float(onto_retain)))
        summed = self.objectives.workers.summed
        if self.update.clip_norm is not None:
            direction = direction.clipped(self.update.clip_norm, parts, summed)
        sums = StepSums(
            self.parameters,
            gradients,
            self.optimizer if restricts else None,
            own_length=self.update.margin > 0,
            lengths=watch,
        )
        see = sums.see if restricts or watch else None
        descend(self.parameters, parts, direction, self.optimizer, mask=self.mask, see=see)
        if see is None:
            return NOWHERE, {}
        table = sums.table(summed)
        if not restricts:
            return table.move(), {}
        multipliers, slopes = restrict_step(
            self.parameters,
            parts,
            gradients,
            self.optimizer,
            table.products(),
            self.update.margin,
            summed,
        )
        told = {"restricted": float(max(multipliers) > 0)}
        if not watch:
            return NOWHERE, told
        move = replace(table.move(multipliers), forget_slope=slopes[0], retain_slope=slopes[1])
        return move, told


def _check_finite(number: int, losses: dict[str, float], scalars: Products) -> None:
    named = {
        **{name.replace("_", " "): value for name, value in losses.items()},
        "forget gradient": float(scalars.forget_square),
        "retain gradient": float(scalars.retain_square),
    }
    bad = [f"{name} is {value}" for name, value in named.items() if not math.isfinite(value)]
    if bad:
        raise DivergedError(
            f"step {number}: {', '.join(bad)}; lower update.learning_rate, set "
            "losses.forget_loss_cap for an ascent, or take another update.precision than fp16"
        )
