"""Steps on a copy of the base without files, for tests that look at parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.config import Experiment, ModelConfig
from pipeline.diffusion import DiffusionModel
from pipeline.diffusion.parameters import trainable
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.preparing import make_stepper, step_batches
from pipeline.unlearning.step import Stepper
from pipeline.unlearning.telemetry import StepRecord
from pipeline.unlearning.workers import ALONE

Trained = tuple[nn.Module, dict[str, nn.Parameter]]
"""A U-Net and those of its parameters that move, by name."""


@dataclass(frozen=True)
class Steps:
    """What a few steps did: telemetry, and how all parameters together have changed, (P,)."""

    records: list[StepRecord]
    change: Tensor

    def values(self, name: str) -> list[float]:
        """One value of the telemetry, step by step."""
        return [record.values[name] for record in self.records]

    def worst_cosine(self) -> list[float]:
        """Of each step: the larger of its cosines with both gradients; above 0 a loss rises."""
        pairs = zip(
            self.values("change_forget_cosine"), self.values("change_retain_cosine"), strict=True
        )
        return [max(pair) for pair in pairs]


def copy_of(base: DiffusionModel) -> Trained:
    unet = copy.deepcopy(base.denoiser)
    return unet, trainable(unet, base.family, ModelConfig())


def stepping(
    base: DiffusionModel, settings: Experiment, data: TrainingSet, trained: Trained
) -> Iterator[tuple[Stepper, StepRecord]]:
    """The stepper and what it tells, after every step."""
    stepper = make_stepper(base, settings, data, trained, ALONE)
    for number in range(1, settings.update.steps + 1):
        batches = step_batches(base, settings, data, number - 1)
        record = stepper.step(number, *batches, watch=True)
        assert record is not None
        yield stepper, record


def take_steps(
    base: DiffusionModel,
    settings: Experiment,
    data: TrainingSet,
    trained: Trained | None = None,
) -> Steps:
    trained = trained or copy_of(base)
    before = flat(trained)
    records = [record for _, record in stepping(base, settings, data, trained)]
    return Steps(records, flat(trained) - before)


def flat(trained: Trained) -> Tensor:
    """A copy of the parameters that move, (P,), float64."""
    return torch.cat([p.detach().double().flatten() for p in trained[1].values()])


def cosines(
    before: Sequence[Tensor], after: Sequence[Tensor], gradients: Sequence[Sequence[Tensor]]
) -> list[float]:
    """Cosine of a change of parameters with each gradient, in float64: the oracle of telemetry."""
    change = torch.cat(
        [(a.detach().double() - b.double()).flatten() for a, b in zip(after, before, strict=True)]
    )
    flat = [torch.cat([tensor.double().flatten() for tensor in g]) for g in gradients]
    return [float(g @ change / (g.norm() * change.norm())) for g in flat]
