"""Both losses of joint batches, and their gradients averaged over all workers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.config import LossesConfig, UpdateConfig
from pipeline.diffusion.model import DiffusionModel
from pipeline.unlearning.batches import Batch
from pipeline.unlearning.gradients import Gradient, inner_product, take_gradient
from pipeline.unlearning.loss_scale import LossScale
from pipeline.unlearning.objectives import forget_loss, retain_loss
from pipeline.unlearning.predictors import Predictors
from pipeline.unlearning.probe import Losses
from pipeline.unlearning.workers import Workers

Objective = Callable[[DiffusionModel, Predictors, Batch, LossesConfig], Tensor]


@dataclass(frozen=True)
class TwoLosses:
    """The forget and the retain loss as functions of the parameters.

    Attributes:
        parameters: those that move, where autograd leaves their gradients.
        scale: of losses in half precision; None in any other.
    """

    model: DiffusionModel
    predictors: Predictors
    parameters: list[nn.Parameter]
    losses: LossesConfig
    update: UpdateConfig
    workers: Workers
    scale: LossScale | None = None

    def gradients(
        self, forget: Batch, retain: Batch
    ) -> tuple[dict[str, float], Gradient, Gradient]:
        """The losses that the rule looks at, and both gradients; zero is one that it does not."""
        whole = self.update.restriction != "none"
        values: dict[str, float] = {}
        gradients = []
        for name, objective, joint, unused in (
            ("forget_loss", forget_loss, forget, "retain_only"),
            ("retain_loss", retain_loss, retain, "forget_only"),
        ):
            if whole or self.update.rule != unused:
                values[name] = float(self._backward(objective, joint))
            gradients.append(self._taken())
        return values, gradients[0], gradients[1]

    def forgetting_is_on(self, values: dict[str, float]) -> bool:
        """False while the ascent's loss is above its cap (Ko et al. 2024: truncation)."""
        cap = self.losses.forget_loss_cap
        if cap is None or self.losses.forget != "ascent" or "forget_loss" not in values:
            return True
        return not -values["forget_loss"] > cap

    def forget_gradient(self, batches: Sequence[Batch]) -> Gradient:
        """The forget loss's gradient, summed over several joint batches."""
        while True:
            for joint in batches:
                self._backward(forget_loss, joint)
            taken = self._taken()
            square = float(inner_product(taken, taken))
            if self.scale is None or self.scale.accepts(finite=math.isfinite(square)):
                return taken

    @torch.no_grad()
    def measure(self, forget: Batch, retain: Batch) -> Losses:
        """Both losses of joint batches, without a step; the forget loss not below minus its cap."""
        forgotten, retained = (
            float(self.workers.averaged(self._loss(objective, self._rows(joint), len(joint))))
            for objective, joint in ((forget_loss, forget), (retain_loss, retain))
        )
        cap = self.losses.forget_loss_cap
        return (forgotten if cap is None else max(forgotten, -cap)), retained

    def _backward(self, objective: Objective, joint: Batch) -> Tensor:
        """A loss averaged over the joint batch of all workers; gradients are left in place."""
        rows = self._rows(joint)
        total = torch.zeros((), device=self.model.device)
        # As many parts on all workers, however many rows they have: each waits for the others.
        parts = min(self.update.accumulate, len(joint) // self.workers.count)
        for part in range(parts):
            some = slice(len(rows) * part // parts, len(rows) * (part + 1) // parts)
            loss = self._loss(objective, rows.rows(some), len(joint))
            (loss if self.scale is None else loss * self.scale.value).backward()
            total += loss.detach()
        return self.workers.averaged(total)

    def _taken(self) -> Gradient:
        taken = take_gradient(self.parameters)
        if self.scale is not None:
            torch._foreach_div_(taken, self.scale.value)
        return taken

    def _rows(self, joint: Batch) -> Batch:
        return joint.rows(self.workers.share(len(joint))).to(self.model.device)

    def _loss(self, objective: Objective, rows: Batch, joint: int) -> Tensor:
        losses = objective(self.model, self.predictors, rows, self.losses)
        return self.workers.mean_loss(losses, joint)
