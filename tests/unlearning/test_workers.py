"""Two gloo workers take the step that one worker takes on the joint batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.multiprocessing.spawn import spawn

from pipeline.diffusion import DiffusionModel, load_model
from pipeline.unlearning import train
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.telemetry import read_telemetry
from pipeline.unlearning.workers import workers_of_this_process
from tests.gloo import free_port, one_of_two
from tests.unlearning.short_runs import folder_of, lopsided

CASES = {
    **{name: lopsided("adamw", name) for name in ("none", "gradient", "step", "both")},
    "step of gradient descent": lopsided("sgd", "step", weight_decay=0.1),
    # Three rows are one for the first worker and two for the second.
    "accumulated": lopsided("adamw", "step", accumulate=2),
    "monotone": lopsided("adamw", "step", monotone=True, retain_weight=1.0),
    "recomputed": lopsided("adamw", "step", gradient_checkpointing=True),
}
"""Trainings of three steps by name; where retain gradients weigh little, steps get restricted."""


def _work(rank: int, port: int, data: TrainingSet, folder: Path) -> None:
    with one_of_two(rank, port):
        base, workers = load_model("fashion-canvas"), workers_of_this_process()
        for name, settings in CASES.items():
            train(base, settings, data, folder / name, workers=workers)


@pytest.fixture(scope="module")
def together(data: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of what two workers trained, one folder a case."""
    folder = tmp_path_factory.mktemp("together")
    spawn(_work, args=(free_port(), data, folder), nprocs=2)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_two_workers_equal_one_on_the_joint_batch(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path, together: Path, name: str
) -> None:
    """Parameters change alike to 1e-3: summing in another order only rounds differently."""
    alone = folder_of(tmp_path, "alone")
    train(base, CASES[name], data, alone)
    one, two = (_state(folder) for folder in (alone, together / name))
    assert one.keys() == two.keys()
    start = base.denoiser.state_dict()
    square = apart = 0.0
    for key, value in one.items():
        if key.startswith(("optimizer/exp_avg/", "optimizer/momentum_buffer/")):
            # The mean of the updates' gradients.
            scale = float(value.abs().max())
            torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-4 * scale)
        if key.startswith("weights/"):
            square += float((value - start[key.removeprefix("weights/")]).pow(2).sum())
            apart += float((two[key] - value).pow(2).sum())
    assert apart < 1e-6 * square
    ours, theirs = (
        read_telemetry(folder / "telemetry.jsonl") for folder in (alone, together / name)
    )
    for record, other in zip(ours, theirs, strict=True):
        assert other.values == pytest.approx(record.values, rel=1e-3, abs=1e-5)
    if CASES[name].update.restriction == "step" and not CASES[name].update.monotone:
        assert max(record.values["restricted"] for record in ours) == 1


def _state(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = load_file(
        folder / "checkpoints" / "step-000003" / "state.safetensors"
    )
    return state
