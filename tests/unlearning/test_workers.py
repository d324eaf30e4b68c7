"""Two gloo workers take the step that one worker takes on the joint batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch.multiprocessing.spawn import spawn

from pipeline.diffusion import DiffusionModel, load_model
from pipeline.unlearning import train
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.workers import workers_of_this_process
from tests.gloo import free_port, one_of
from tests.unlearning.same_training import assert_same_training
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
    with one_of(2, rank, port):
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
    alone = folder_of(tmp_path, "alone")
    train(base, CASES[name], data, alone)
    ours = assert_same_training(base, CASES[name], alone, together / name)
    if CASES[name].update.restriction == "step" and not CASES[name].update.monotone:
        assert max(record.values["restricted"] for record in ours) == 1
