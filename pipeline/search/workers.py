"""A trial of several workers: a Ray Train run inside the trial's driver.

When a worker dies, Ray Train ends the others and starts all anew, as many as there is room for; the
trainer then goes on from its own last checkpoint, which is whole and fits any number of workers.

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

from pipeline.config import ScalingConfig, load_space
from pipeline.diffusion import Store
from pipeline.search.cluster import worker_resources
from pipeline.search.files import read_json, write_json
from pipeline.search.outcome import Outcome
from pipeline.search.places import EXPERIMENT, GROUP
from pipeline.search.shortage import take_up
from pipeline.search.trial import run_trial
from pipeline.unlearning.workers import workers_of_this_process

_RESTARTS: Final = 2
"""How often a group that has lost a worker is started anew."""

_START_SECONDS: Final = "900"


def run_worker_group(
    folder: Path, store: Path, issued: float, scaling: ScalingConfig, scratch: Path
) -> None:
    """Run a trial on several workers; the leading one's outcome is reported to Ray Tune.

    A crash that comes again and again is raised: Tune then runs the trial anew.

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
    if scaling.fewest == scaling.workers:
        # Ray Train reads it here; a machine that an autoscaler has to start takes minutes. Who can
        # do with fewer workers does not wait so long.
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
            num_workers=_numbers(scaling),
            use_gpu=scaling.gpus_per_worker > 0,
            resources_per_worker=worker_resources(scaling),
        ),
        run_config=RunConfig(
            # Ray Train keeps no checkpoints for us, and a snapshot that a full disk left empty
            # would stop every later start under the same name.
            name=f"{folder.name}-{uuid.uuid4().hex[:8]}",
            storage_path=str(scratch),
            # A lost machine is known for lost after half a minute and more: until then as many
            # workers as before are asked for, and waited for in vain.
            failure_config=FailureConfig(
                max_failures=_RESTARTS, controller_failure_limit=_RESTARTS
            ),
            callbacks=[TuneReportCallback()],
        ),
    )
    trainer.fit()


def _numbers(scaling: ScalingConfig) -> int | tuple[int, int]:
    """How many workers Ray Train starts, or the fewest and the most."""
    least, most = scaling.fewest, scaling.workers
    return most if least == most else (least, most)


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
    workers, folder = workers_of_this_process(), Path(config["folder"])
    if workers.leads:
        write_json(folder / GROUP, {"id": get_current_placement_group().id.hex()})
        # Of a group, too, that this one stands in for: it may have run out of memory.
        take_up(folder, load_space(folder / EXPERIMENT).fixed())
    workers.wait()
    store = Store(Path(config["store"]))
    outcome = run_trial(folder, store, config["issued"], workers, tell=ray.train.report)
    # Every worker has to report, and the leading one's metrics are those that count.
    ray.train.report(outcome.as_result())
