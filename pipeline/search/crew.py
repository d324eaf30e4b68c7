"""A sweep's preparation on its cluster: Ray tasks with what the workers of its trials get."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ray
from ray.exceptions import RayTaskError

from pipeline.config import ScalingConfig, SearchSpace
from pipeline.search.cluster import largest_node_cores
from pipeline.search.live import View
from pipeline.search.places import BASE, store_root
from pipeline.search.preparation_progress import forget, told

_POLL_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Crew:
    """Who makes a sweep's pictures.

    Attributes:
        tasks: that share them; where there is one, it judges the base too.
        cores: of each.
    """

    tasks: int
    cores: int


def crew_of(scaling: ScalingConfig, concurrent: int, largest_node: int) -> Crew:
    """As many tasks as GPUs that the trials will use or, without, machines that they fill.

    Several processes on the cores of one machine are not worth their start: one uses all of them.
    A cluster that begins without machines grows for the tasks as it will for the trials.

    Args:
        scaling: what a trial gets.
        concurrent: trials at a time.
        largest_node: CPU cores of the largest machine.
    """
    workers = concurrent * scaling.workers
    wanted = workers * scaling.cpus_per_worker
    most = max(1, largest_node)
    if scaling.gpus_per_worker > 0:
        tasks = max(1, math.floor(workers * min(1.0, scaling.gpus_per_worker)))
        return Crew(tasks, max(1, min(wanted // tasks, most)))
    return Crew(math.ceil(wanted / most), min(wanted, most))


def prepare_on_cluster(space: SearchSpace, folder: Path, view: View, concurrent: int) -> None:
    """Do what trials share, inside a Ray session, after a word on how much disk the sweep takes.

    Raises:
        ValueError: as `preparation.prepare`; the sweep cannot fit its disk; or the folder is not
            one that all machines share.
    """
    crew = crew_of(space.scaling, concurrent, largest_node_cores())
    arguments = (space, folder, store_root(), crew.cores)
    forget(folder)

    def run(function: Callable[..., Any], *shares: tuple[int, ...]) -> list[Any]:
        task = ray.remote(
            num_cpus=crew.cores, num_gpus=space.scaling.gpus_per_worker, max_retries=1
        )(function)
        results = _wait([task.remote(*arguments, *share) for share in shares], folder, view)
        forget(folder)
        return results

    (words,) = run(_tell_disk, ())
    view.prepare(words, 0, 0)
    if crew.tasks > 1:
        run(_make_pictures, *((rank, crew.tasks) for rank in range(crew.tasks)))
    run(_prepare, ())
    if not (folder / BASE).exists():
        raise ValueError(
            f"{folder}: expected a folder that every machine of the cluster shares, but what one "
            "of them wrote isn't here; set UNLEARN_HOME to a shared disk"
        )


def _wait(running: list[ray.ObjectRef], folder: Path, view: View) -> list[Any]:
    results: list[Any] = []
    try:
        while running:
            done, running = ray.wait(running, timeout=_POLL_SECONDS)
            view.prepare(**told(folder))
            results += ray.get(done)
    except RayTaskError as error:
        if isinstance(error.cause, ValueError):
            raise error.cause from None
        raise
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
    return results


# What follows runs elsewhere. Imported there, so that the sweep's own process needs no torch.
def _tell_disk(space: SearchSpace, folder: Path, store: Path, _threads: int) -> str:
    from pipeline.diffusion import Store
    from pipeline.search.planning.disk import tell_disk

    return tell_disk(space, folder, Store(store))


def _make_pictures(
    space: SearchSpace, folder: Path, store: Path, threads: int, *share: int
) -> None:
    import torch

    from pipeline.diffusion import Store
    from pipeline.diffusion.share import Share
    from pipeline.search.preparation import make_pictures

    torch.set_num_threads(threads)
    make_pictures(space, folder, Store(store), Share(*share))


def _prepare(space: SearchSpace, folder: Path, store: Path, threads: int) -> None:
    import torch

    from pipeline.diffusion import Store
    from pipeline.search.preparation import prepare

    torch.set_num_threads(threads)
    prepare(space, folder, Store(store))
