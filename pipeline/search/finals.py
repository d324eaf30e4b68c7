"""The last judgement of a method: its chosen settings, trained with other seeds, by other eyes.

Each training is a Ray task of one process. That several workers would have trained a trial makes
no difference: they take the steps that one takes on the joint batch.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import ray
from ray.exceptions import RayError, RayTaskError

from pipeline.config import Experiment, FinalConfig, ScalingConfig, dump_experiment, load_space
from pipeline.search.files import write_text
from pipeline.search.places import EXPERIMENT, store_root

_RETRIES: Final = 2
"""How often a training whose process died is run anew, from its last checkpoint."""

_POLL_SECONDS: Final = 1.0


def put_final(folder: Path, experiment: Experiment, seed: int) -> None:
    """Write the experiment with another training seed into its folder, unless there is one."""
    if not (folder / EXPERIMENT).is_file():
        seeded = Experiment.model_validate({**experiment.model_dump(), "seed": seed})
        write_text(folder / EXPERIMENT, dump_experiment(seeded))


def run_finals(
    folders: Iterable[Path],
    final: FinalConfig,
    scaling: ScalingConfig,
    concurrent: int,
    ended: Callable[[Path], None],
) -> dict[Path, str]:
    """Train and judge the experiments of some folders, inside a Ray session.

    Args:
        folders: each with an experiment.
        final: how they are judged.
        scaling: what one of them gets.
        concurrent: how many at a time.
        ended: called with the folder of each that came to an end.

    Returns:
        Why those that crashed did, by folder: they have no end, and another call tries again. A
        divergence is an end.

    Raises:
        ValueError: one found what the user has to mend.
    """
    task = ray.remote(
        num_cpus=scaling.cpus_per_worker, num_gpus=scaling.gpus_per_worker, max_retries=_RETRIES
    )(_train_and_judge)
    waiting = deque(folders)
    running: dict[ray.ObjectRef, Path] = {}
    crashed: dict[Path, str] = {}
    try:
        while waiting or running:
            while waiting and len(running) < concurrent:
                folder = waiting.popleft()
                arguments = (folder, store_root(), scaling.cpus_per_worker, final)
                running[task.remote(*arguments)] = folder
            for reference in ray.wait(list(running), timeout=_POLL_SECONDS)[0]:
                folder = running.pop(reference)
                reason = _reason(reference)
                if reason is None:
                    ended(folder)
                else:
                    crashed[folder] = reason
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
    return crashed


def _reason(reference: ray.ObjectRef) -> str | None:
    """Why a task crashed; None if it did not."""
    try:
        ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, ValueError):
            raise error.cause from None
        return f"{type(error.cause).__name__}: {error.cause}"
    except RayError as error:
        return f"its process died: {str(error).partition(chr(10))[0]}"
    return None


def _train_and_judge(folder: Path, store: Path, threads: int, final: FinalConfig) -> None:
    # Imported here, so that the comparison's own process needs no torch.
    import torch

    from pipeline.diffusion import Store
    from pipeline.search.shortage import take_up
    from pipeline.search.trial import Judgement, run_trial

    torch.set_num_threads(threads)
    if take_up(folder, load_space(folder / EXPERIMENT).fixed()) is not None:
        return
    judgement = Judgement("second", final.judging_seed, final.repeats, keeps_samples=True)
    run_trial(folder, Store(store), time.time(), judgement=judgement)
