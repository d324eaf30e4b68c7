"""A group of workers that loses one goes on from the last checkpoint, under a real Ray."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune
from ray.cluster_utils import Cluster
from safetensors.torch import load_file
from torch.multiprocessing.spawn import spawn

from pipeline.config import SearchSpace, dump_experiment
from pipeline.diffusion import Store, load_model
from pipeline.diffusion.trained import copy_to_train
from pipeline.search.cluster import ray_session
from pipeline.search.driver import drive_trial, driver_resources
from pipeline.search.outcome import Outcome
from pipeline.search.trial import run_trial
from pipeline.unlearning.telemetry import read_telemetry
from pipeline.unlearning.workers import workers_of_this_process
from tests.gloo import free_port, one_of
from tests.search.spaces import smoke_space

pytestmark = pytest.mark.timeout(900)

STEPS = 30


def space(**scaling: Any) -> SearchSpace:
    return smoke_space(
        prompts={"forget_diversity": 1.0, "retain_mix": {"generic": 1.0}},
        update={
            "restriction": "step",
            "learning_rate": 1e-4,
            "steps": STEPS,
            "checkpoint_every": 4,
            "precision": "fp32",
        },
        scaling={"workers": 2, "sharded": True, **scaling},
    )


def put(folder: Path, wanted: SearchSpace) -> Path:
    folder.mkdir()
    (folder / "experiment.yaml").write_text(dump_experiment(wanted.fixed()))
    return folder


def _work(rank: int, port: int, folder: Path, store: Path) -> None:
    with one_of(2, rank, port):
        run_trial(folder, Store(store), time.time(), workers_of_this_process())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a trial of two workers that nothing happened to, beside its store."""
    root = tmp_path_factory.mktemp("undisturbed")
    folder = put(root / "trial", space())
    spawn(_work, args=(free_port(), folder, root / "store"), nprocs=2)
    return folder


def drive(folder: Path, store: Path, wanted: SearchSpace) -> None:
    """Run the trial as a sweep would, but let Ray Tune not try again."""
    config = {"folder": str(folder), "store": str(store), "issued": time.time()}
    results = tune.Tuner(
        tune.with_resources(drive_trial, driver_resources(wanted.scaling)),
        param_space={**config, "scratch": str(folder.parent / "ray" / "train")},
        run_config=tune.RunConfig(
            storage_path=str(folder.parent / "ray"),
            failure_config=tune.FailureConfig(max_failures=0),
            verbose=0,
        ),
    ).fit()
    (result,) = results
    assert result.error is None
    assert Outcome.from_result(result.metrics) == Outcome.read(folder)


def meanwhile(action: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def halfway(folder: Path, after: int = 4) -> None:
    """Wait until a checkpoint of at least so many steps is there."""
    while not any(
        int(path.name.removeprefix("step-")) >= after
        for path in (folder / "checkpoints").glob("step-*")
    ):
        time.sleep(0.05)
    assert not (folder / "weights.safetensors").exists()


def leader_of(folder: Path) -> int:
    found = re.search(r"process (\d+)", (folder / ".lock").read_text())
    assert found is not None
    return int(found[1])


def test_a_killed_worker_is_replaced_and_the_result_stays(
    undisturbed: Path, tmp_path: Path
) -> None:
    folder = put(tmp_path / "trial", space())
    killed: list[int] = []

    def kill() -> None:
        halfway(folder)
        killed.append(leader_of(folder))
        os.kill(killed[0], signal.SIGKILL)

    with ray_session():
        if ray.cluster_resources()["CPU"] < 2:
            pytest.skip("needs two cores")
        thread = meanwhile(kill)
        drive(folder, undisturbed.parent / "store", space())
    thread.join()
    assert leader_of(folder) != killed[0]
    weights = "weights.safetensors"
    assert (folder / weights).read_bytes() == (undisturbed / weights).read_bytes()
    one, two = (read_telemetry(each / "telemetry.jsonl") for each in (undisturbed, folder))
    assert one == two
    assert not (folder / "error.txt").exists()


@pytest.fixture
def two_machines() -> Iterator[Cluster]:
    """Two nodes of a core each; the first is the head, which stays."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    cluster.connect()
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.long
def test_workers_that_are_left_go_on_alone(
    undisturbed: Path, tmp_path: Path, two_machines: Cluster
) -> None:
    """The joint batches stay the same: weights change alike to 1e-3.

    Two workers are asked for until Ray knows that the machine is lost: for a minute or two.
    """
    wanted = space(least_workers=1)
    folder = put(tmp_path / "trial", wanted)

    def lose() -> None:
        halfway(folder)
        (node,) = two_machines.worker_nodes
        two_machines.remove_node(node, allow_graceful=False)

    thread = meanwhile(lose)
    drive(folder, undisturbed.parent / "store", wanted)
    thread.join()
    assert ray.cluster_resources()["CPU"] == 1
    model = wanted.fixed().model
    start = copy_to_train(load_model(model.base), model, seed=0).parameters
    one, two = (
        load_file(each / "checkpoints" / f"step-{STEPS:06d}" / "state.safetensors")
        for each in (undisturbed, folder)
    )
    square = apart = 0.0
    for name, before in start.items():
        key = f"weights/{name}"
        square += float((one[key] - before.detach()).pow(2).sum())
        apart += float((two[key] - one[key]).pow(2).sum())
    assert apart < 1e-6 * square
