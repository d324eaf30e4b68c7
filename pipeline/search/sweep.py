"""A sweep from its search space to its last trial, and on from wherever it was stopped."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ray import tune

from pipeline import __version__
from pipeline.config import SearchSpace, dump_space, load_space
from pipeline.search.cluster import concurrency, ray_session
from pipeline.search.crew import prepare_on_cluster
from pipeline.search.defaults import default_values
from pipeline.search.driver import drive_trial, driver_resources
from pipeline.search.files import read_json, write_json, write_text
from pipeline.search.lineage import with_lineage
from pipeline.search.live import View
from pipeline.search.locking import folder_lock
from pipeline.search.memory_deaths import MemoryDeaths, survived_memory_deaths
from pipeline.search.places import BASE, RAY, SPACE, STUDY, SWEEP, store_root
from pipeline.search.records import SweepReader, SweepRecord, SweepStatus, read_sweep
from pipeline.search.requirements import check_requirements
from pipeline.search.rung_scheduler import RungScheduler
from pipeline.search.searcher import StudySearcher, is_full
from pipeline.search.study import SweepStudy
from pipeline.search.warm_start import compared_trials, first_trials, read_priors

_RETRIES: Final = 2
"""How often a trial whose worker died is run anew, from its last checkpoint."""

_MAY_CHANGE: Final = ("budget", "gate", "scaling")
"""Sections that decide nothing about a trial's result."""

_STAYS: Final = ("early_stopping", "warm_start", "warm_start_by")
"""Of the budget: rungs are told apart by their number, and what was learned is not unlearned."""

_LEAST_FREE_BYTES: Final = 500 * 10**6


def run_sweep(
    space: SearchSpace,
    folder: Path,
    *,
    resume: bool,
    view: View,
    on_change: Callable[[], None] = lambda: None,
    drive: Callable[[dict[str, Any]], None] = drive_trial,
) -> SweepRecord:
    """Run the trials of a sweep that its budget has left.

    An interruption (Ctrl-C) is no error: the record's status then is `interrupted`, and so it is
    after any crash that leaves this process alive.

    Args:
        space: what is searched; a resumed sweep may have another gate and scaling, and another
            budget but for `early_stopping` and the warm start. What a promoted base has forgotten
            already is filled in and recorded.
        folder: of the sweep; a new one must not exist, a resumed one must.
        resume: whether to go on with the sweep in the folder.
        view: told of every change.
        on_change: called after every change, in this thread; it should return at once.
        drive: what runs a trial in a process of its own; takes and reports what `drive_trial` does.

    Raises:
        ValueError: the folder holds a sweep and `resume` is false, or none and it is true, or one
            of another space; another process runs it; a model, a judge or disk space is missing;
            what it should learn from is no sweep of the same base and objectives.
        OSError: the disk became full; the sweep goes on from there once there is room.
    """
    folder = folder.resolve()
    record: SweepRecord | None = None
    try:
        space = with_lineage(space)
        check_requirements(space)
        _check_disk(folder)
        if resume:
            read_sweep(folder)
        else:
            for sweep in space.budget.warm_start:
                read_priors(sweep, space, folder)  # before anything is waited for
        folder.mkdir(parents=True, exist_ok=True)
        with folder_lock(folder):
            if resume:
                _check_same_space(space, folder)
            else:
                _create(space, folder)
            write_text(folder / SPACE, dump_space(space))
            _set_status(folder, "running")
            try:
                _run(space, folder, view, on_change, drive)
            except KeyboardInterrupt:
                pass
            finally:
                _set_status(folder, _status(space, folder))
            record = read_sweep(folder)
            on_change()
    finally:
        view.close(record)
    return record


def _run(
    space: SearchSpace,
    folder: Path,
    view: View,
    on_change: Callable[[], None],
    drive: Callable[[dict[str, Any]], None],
) -> None:
    if _status(space, folder) == "finished":
        return
    view.prepare("starting Ray", 0, 0)
    try:
        with ray_session():
            concurrent = concurrency(space.scaling, space.budget.max_concurrent)
            prepare_on_cluster(space, folder, view, concurrent)

            reader = SweepReader(folder)

            def changed() -> None:
                view.show(reader.read(), concurrent)
                on_change()

            study = _open_study(space, folder, view)
            searcher = StudySearcher(study, folder, concurrent, changed)
            changed()
            if searcher.planned:
                with (
                    _own_interrupts(),
                    survived_memory_deaths(),
                    _one_word_for_a_full_disk(searcher, folder),
                ):
                    _tune(space, folder, searcher, RungScheduler(study, changed), drive)
    finally:
        # Tune's own books are never read again; on a full disk they make room for the last words.
        shutil.rmtree(folder / RAY, ignore_errors=True)


def _open_study(space: SearchSpace, folder: Path, view: View) -> SweepStudy:
    """The sweep's study, with all that its first trial is to know."""
    study = SweepStudy(folder, space)
    budget = space.budget
    begins_with_front = budget.warm_start_by == "front"
    # The defaults come before an earlier front, and after the numbers of an earlier sweep's trials.
    if budget.start_from_defaults and begins_with_front:
        study.begin_with(default_values(space))
    for sweep in budget.warm_start:
        # Of what it has learned already, a resumed sweep needs no more.
        if sweep in study.learned:
            continue
        priors = read_priors(sweep, space, folder)
        study.compare_with(sweep, compared_trials(priors, space))
        if begins_with_front:
            study.try_first(sweep, first_trials(priors, space))
        else:
            study.learn(priors)
        view.prepare(priors.in_words(), 0, 0)
    if budget.start_from_defaults and not begins_with_front:
        study.begin_with(default_values(space))
    return study


def _tune(
    space: SearchSpace,
    folder: Path,
    searcher: StudySearcher,
    scheduler: RungScheduler,
    drive: Callable[[dict[str, Any]], None],
) -> None:
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(searcher.max_concurrent)
    constants = {"store": str(store_root()), "scratch": str(folder / RAY / "train")}
    tune.Tuner(
        tune.with_resources(drive, driver_resources(space.scaling)),
        param_space=constants,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=searcher.planned,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name=f"session-{time.time_ns()}",
            storage_path=str(folder / RAY),
            failure_config=tune.FailureConfig(max_failures=_RETRIES),
            callbacks=[MemoryDeaths()],
            verbose=0,
        ),
    ).fit()


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Give Ctrl-C back to this process afterwards: Tune keeps the first one to itself."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where Tune leaves signals alone
        return
    signals = (signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _one_word_for_a_full_disk(searcher: StudySearcher, folder: Path) -> Iterator[None]:
    """Raise the same `OSError`, whatever Tune makes of its own half-written files."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    try:
        yield
    except Exception as error:
        if searcher.disk_is_full or is_full(folder):
            raise full from error
        raise
    if searcher.disk_is_full:
        raise full


def _create(space: SearchSpace, folder: Path) -> None:
    if (folder / STUDY).exists():  # without one, no trial was ever asked for
        raise ValueError(
            f"{folder}: expected no sweep of this name yet, found one; go on with it by "
            f"`unlearn resume {folder.name}`, or choose another name with --name"
        )
    (folder / BASE).unlink(missing_ok=True)
    write_text(folder / SPACE, dump_space(space))
    write_json(
        folder / SWEEP,
        {
            "name": space.name,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "version": __version__,
            "base": None,
            "status": "running",
        },
    )


def _check_same_space(space: SearchSpace, folder: Path) -> None:
    known = load_space(folder / SPACE)
    changed = [
        section
        for section in sorted(known.tree.keys() | space.tree.keys())
        if section not in _MAY_CHANGE and known.tree.get(section) != space.tree.get(section)
    ]
    changed += [
        f"budget.{name}"
        for name in _STAYS
        if getattr(known.budget, name) != getattr(space.budget, name)
    ]
    if changed:
        raise ValueError(
            f"{folder}: expected the search space that the sweep began with, got another "
            f"{', '.join(changed)}; only {', '.join(_MAY_CHANGE)} may change, and of the "
            f"budget not {' and '.join(_STAYS)}: start a new sweep with --name for the rest"
        )


def _status(space: SearchSpace, folder: Path) -> SweepStatus:
    trials = read_sweep(folder).trials
    ended = sum(trial.state != "running" for trial in trials)
    return "finished" if ended == len(trials) >= space.budget.trials else "interrupted"


def _set_status(folder: Path, status: SweepStatus) -> None:
    write_json(folder / SWEEP, {**(read_json(folder / SWEEP) or {}), "status": status})


def _check_disk(folder: Path) -> None:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < _LEAST_FREE_BYTES:
        raise ValueError(
            f"{existing}: expected at least {_LEAST_FREE_BYTES / 1e6:.0f} MB free for checkpoints "
            f"and pictures, found {free / 1e6:.0f} MB; "
            "make room, or set UNLEARN_HOME to a larger disk"
        )
