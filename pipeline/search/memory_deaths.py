"""Trials that Ray's memory monitor kills: deaths like any other, whose reason is remembered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ray import tune
from ray.air.execution._internal import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError

_WORDS: Final = "running low on memory"
"""Ray's, of what its monitor does."""

_EACH: Final = "Failure #"
"""What Tune writes before each error of a trial."""


class MemoryDeaths(tune.Callback):  # type: ignore[misc]  # ray is untyped
    """Leaves word in a trial's folder that Ray ended its process as memory ran short."""

    def on_trial_recover(self, **info: Any) -> None:
        """Before the trial is run anew."""
        trial = info["trial"]
        # `trial.get_error()` looks where Tune copies its files to every hour.
        errors = Path(trial.error_file).read_text(encoding="utf-8")
        if _WORDS in errors.rpartition(_EACH)[2]:
            from pipeline.search.shortage import note_death

            note_death(Path(trial.config["folder"]))


@contextmanager
def survived_memory_deaths() -> Iterator[None]:
    """Let Tune run a trial anew that the monitor killed, as it does after every other death.

    Ray tells of it by an `OutOfMemoryError`, which is no `RayActorError`: Tune 2.60 calls it
    unexpected and ends the whole sweep.
    """
    name = "_actor_task_failed"
    failed = getattr(RayActorManager, name)

    def as_a_death(manager: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, OutOfMemoryError):
            exception = RayActorError(error_msg=str(exception))
        failed(manager, tracked_actor_task, exception)

    setattr(RayActorManager, name, as_a_death)
    try:
        yield
    finally:
        setattr(RayActorManager, name, failed)
