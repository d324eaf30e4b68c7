"""Whether two trainings of the same experiment went the same way, but for rounding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel
from pipeline.diffusion.trained import copy_to_train
from pipeline.unlearning.telemetry import StepRecord, read_telemetry

_ROUNDING = 1e-7


def assert_same_training(
    base: DiffusionModel, settings: Experiment, alone: Path, together: Path
) -> list[StepRecord]:
    """Parameters change alike to 1e-3: summing in another order only rounds differently.

    Those are passed over whose gradient is zero but for rounding (the bias of keys, which attention
    does not see): Adam moves them all the same.

    Returns:
        Telemetry of the training alone.
    """
    one, two = (state_of(folder, settings.update.steps) for folder in (alone, together))
    assert one.keys() == two.keys()
    # The means of the updates' gradients.
    means = {
        key.split("/", 2)[2]: key
        for key in one
        if key.startswith(("optimizer/exp_avg/", "optimizer/momentum_buffer/"))
    }
    largest = max(float(one[key].abs().max()) for key in means.values())
    start = copy_to_train(base, settings.model, settings.seed).parameters
    square = apart = 0.0
    for name, before in start.items():
        mean, key = one[means[name]], f"weights/{name}"
        scale = float(mean.abs().max())
        if scale < _ROUNDING * largest:
            continue
        torch.testing.assert_close(two[means[name]], mean, rtol=1e-4, atol=1e-4 * scale)
        square += float((one[key] - before.detach()).pow(2).sum())
        apart += float((two[key] - one[key]).pow(2).sum())
    assert apart < 1e-6 * square
    ours, theirs = (read_telemetry(folder / "telemetry.jsonl") for folder in (alone, together))
    for record, other in zip(ours, theirs, strict=True):
        assert other.values == pytest.approx(record.values, rel=1e-3, abs=1e-5)
    return ours


def state_of(folder: Path, step: int) -> dict[str, Tensor]:
    """The checkpoint after a step."""
    state: dict[str, Tensor] = load_file(
        folder / "checkpoints" / f"step-{step:06d}" / "state.safetensors"
    )
    return state
