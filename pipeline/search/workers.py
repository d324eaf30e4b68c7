"""A trial of several workers: a Ray Train run inside the trial's driver.

With one worker the same function runs in the trial's own process: a group of workers takes ten
seconds and more to start.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any, Final

import ray.train
import torch
from ray._raylet import PlacementGroupID
from ray.train import FailureConfig, RunConfig
from ray.train.torch import TorchTrainer
from ray.tune.integration.ray_train import TuneReportCallback
from ray.util.placement_group import (
    PlacementGroup,
    get_current_placement_group,
    remove_placement_group,
)

from pipeline.config import ScalingConfig
from pipeline.diffusion import Store
from pipeline.search.cluster import worker_resources
from pipeline.search.files import read_json, write_json
from pipeline.search.outcome import Outcome
from pipeline.search.places import GROUP
from pipeline.search.trial import run_trial
from pipeline.unlearning.workers import workers_of_this_process

_START_SECONDS: Final = "900"


def run_worker_group(
    folder: Path, store: Path, issued: float, scaling: ScalingConfig, scratch: Path
) -> None:
    """Run a trial on several workers; the leading one's outcome is reported to Ray Tune.

    A crash of a worker ends the group and is raised: Tune then runs the trial anew, and the
    trainer goes on from its own last checkpoint.

    Args:
        folder: of the trial.
        store: root of the shared store.
        issued: Unix time at which the trial was handed out.
        scaling: how many workers, and what each gets.
        scratch: where Ray Train keeps its own books; not needed afterwards.
    """
    outcome = Outcome.read(folder)
    if outcome is not None:
        ray.tune.report(outcome.as_result())
        return
    _free_what_a_dead_driver_holds(folder)
    # Ray Train reads it here; a machine that an autoscaler has to start takes minutes.
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", _START_SECONDS)
    trainer = TorchTrainer(
        _work,
        train_loop_config={
            "folder": str(folder),
            "store": str(store),
            "issued": issued,
            "threads": scaling.cpus_per_worker,
        },
        scaling_config=ray.train.ScalingConfig(
            num_workers=scaling.workers,
            use_gpu=scaling.gpus_per_worker > 0,
            resources_per_worker=worker_resources(scaling),
        ),
        run_config=RunConfig(
            # Ray Train never resumes for us, and a snapshot that a full disk left empty would
            # stop every later start under the same name.
            name=f"{folder.name}-{uuid.uuid4().hex[:8]}",
            storage_path=str(scratch),
            failure_config=FailureConfig(max_failures=0, controller_failure_limit=0),
            callbacks=[TuneReportCallback()],
        ),
    )
    trainer.fit()


def _free_what_a_dead_driver_holds(folder: Path) -> None:
    """Give back the cores of a group whose driver was killed.

    Ray Train does so itself only where the dashboard runs, which it asks who is alive.
    """
    known = read_json(folder / GROUP)
    if known is not None:
        remove_placement_group(PlacementGroup(PlacementGroupID.from_hex(known["id"])))
        (folder / GROUP).unlink()


def _work(config: dict[str, Any]) -> None:
    torch.set_num_threads(config["threads"])
    workers = workers_of_this_process()
    if workers.leads:
        group = get_current_placement_group()
        write_json(Path(config["folder"]) / GROUP, {"id": group.id.hex()})
    outcome = run_trial(
        Path(config["folder"]), Store(Path(config["store"])), config["issued"], workers
    )
    # Every worker has to report, and the leading one's metrics are those that count.
    ray.train.report(outcome.as_result())
