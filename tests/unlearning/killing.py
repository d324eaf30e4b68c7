"""Trainings that are killed and resumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel
from pipeline.unlearning import train
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.telemetry import StepRecord
from tests.unlearning.short_runs import folder_of


class Killed(BaseException):
    """Stands for a kill: nothing in the trainer catches it."""


def train_until_killed(
    base: DiffusionModel, settings: Experiment, data: TrainingSet, folder: Path, step: int
) -> None:
    """Train, and die when a step is told of."""

    def kill(record: StepRecord) -> None:
        if record.step == step:
            raise Killed

    with pytest.raises(Killed):
        train(base, settings, data, folder, kill)


def killed_and_whole(
    base: DiffusionModel, settings: Experiment, data: TrainingSet, path: Path, killed_after: int
) -> tuple[Path, Path]:
    """Folders of a resumed and of an undisturbed run, whose weights are equal to the bit."""
    killed, whole = folder_of(path, "killed"), folder_of(path, "whole")
    undisturbed = train(base, settings, data, whole)
    train_until_killed(base, settings, data, killed, killed_after)
    assert train(base, settings, data, killed).read_bytes() == undisturbed.read_bytes()
    return killed, whole
