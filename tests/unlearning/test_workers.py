"""Two gloo workers take the step that one worker takes on the joint batch."""

from __future__ import annotations

import os
import socket
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
from tests.unlearning.short_runs import experiment, folder_of

RESTRICTIONS = ("none", "gradient", "step", "both")


def _work(rank: int, port: int, data: TrainingSet, folder: Path) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    try:
        base, workers = load_model("fashion-canvas"), workers_of_this_process()
        for restriction in RESTRICTIONS:
            train(
                base,
                experiment(restriction=restriction, steps=3),
                data,
                folder / restriction,
                workers=workers,
            )
    finally:
        torch.distributed.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def together(data: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of what two workers trained, one folder a restriction."""
    folder = tmp_path_factory.mktemp("together")
    spawn(_work, args=(_free_port(), data, folder), nprocs=2)
    return folder


@pytest.mark.parametrize("restriction", RESTRICTIONS)
def test_two_workers_equal_one_on_the_joint_batch(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path, together: Path, restriction: str
) -> None:
    alone = folder_of(tmp_path, "alone")
    settings = experiment(restriction=restriction, steps=3)
    train(base, settings, data, alone)
    state = "checkpoints/step-000003/state.safetensors"
    one, two = load_file(alone / state), load_file(together / restriction / state)
    assert one.keys() == two.keys()
    for name, value in one.items():
        if name.startswith("optimizer/exp_avg/"):
            # The mean of the updates' gradients; summing in another order only rounds differently.
            scale = float(value.abs().max())
            torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-4 * scale)
        if name.startswith("weights/"):
            apart = (two[name] - value).abs().mean()
            assert float(apart) < 1e-3 * settings.update.learning_rate
    records = [
        read_telemetry(folder / "telemetry.jsonl")[0].values
        for folder in (alone, together / restriction)
    ]
    for key in ("forget_loss", "retain_loss", "forget_norm", "retain_norm", "cosine"):
        assert records[1][key] == pytest.approx(records[0][key], rel=1e-4)
