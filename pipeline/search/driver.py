"""The function that Ray Tune runs for a trial, in a process of its own on some machine."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from ray import tune

from pipeline.config import ScalingConfig, load_space
from pipeline.search.cluster import worker_resources
from pipeline.search.files import write_text
from pipeline.search.outcome import Outcome
from pipeline.search.places import ERROR, EXPERIMENT

# What a driver of several workers takes: a megabyte. It waits while its workers use the cores,
# so that a share of a core would keep a full machine from starting them.
_DRIVER_BYTES = 2**20


def drive_trial(config: dict[str, Any]) -> None:
    """Run one trial and report its outcome.

    Args:
        config: `folder` of the trial, `store` and `scratch` folders, and `issued`, the Unix time at
            which the trial was handed out.
    """
    folder = Path(config["folder"])
    if not folder.is_dir():
        reason = f"{folder} isn't on this machine: set UNLEARN_HOME to a disk that all share"
        tune.report(Outcome({}, reason, None).as_result())
        return
    error = folder / ERROR
    try:
        _drive(folder, config)
    except Exception:
        if not error.exists():  # nearer to its cause, a trial has written more
            write_text(error, traceback.format_exc())
        raise


def _drive(folder: Path, config: dict[str, Any]) -> None:
    # Imported here, so that the sweep's own process needs no torch.
    from pipeline.search.shortage import take_up

    issued = float(config["issued"])
    experiment = load_space(folder / EXPERIMENT).fixed()
    scaling = experiment.scaling
    given_up = take_up(folder, experiment)
    if given_up is not None:
        tune.report(given_up.as_result())
        return
    if scaling.workers > 1:
        from pipeline.search.workers import run_worker_group

        run_worker_group(folder, Path(config["store"]), issued, scaling, Path(config["scratch"]))
        return
    import torch

    from pipeline.diffusion import Store
    from pipeline.search.trial import run_trial

    torch.set_num_threads(scaling.cpus_per_worker)
    outcome = run_trial(folder, Store(Path(config["store"])), issued, tell=tune.report)
    tune.report(outcome.as_result())


def driver_resources(scaling: ScalingConfig) -> dict[str, float]:
    """What Ray sets aside for a trial's own process."""
    if scaling.workers > 1:
        return {"CPU": 0, "memory": _DRIVER_BYTES}
    return worker_resources(scaling)
