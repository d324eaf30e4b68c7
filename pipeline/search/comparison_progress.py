"""What a person is told while a comparison runs: which method of which target, and how long yet."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from pipeline.config import Pair
from pipeline.search.comparison_record import AgainRecord, PairRecord
from pipeline.search.live import View, duration
from pipeline.search.records import SweepRecord


class Audience(Protocol):
    """Who is told what a comparison does."""

    def say(self, line: str) -> None:
        """How far it is."""

    def open_view(self) -> View:
        """What shows the next search."""

    def sweep_changed(self, folder: Path) -> None:
        """The search in this folder went on; should return at once."""

    def sweep_ended(self, folder: Path) -> None:
        """The search in this folder has ended, or was interrupted."""

    def pair_ended(self, pair: Pair) -> None:
        """There is more to report."""


def time_left(pairs: Iterable[PairRecord], left: int, concurrent: int) -> float | None:
    """Seconds that trainings take if each takes what it usually took.

    Args:
        pairs: all that there are, run or not.
        left: trainings that are still to be run.
        concurrent: trainings at a time.

    Returns:
        None before the first training has ended.
    """
    spent = [seconds for pair in pairs for seconds in pair.run_seconds]
    return statistics.median(spent) * left / concurrent if spent else None


def announcement(record: PairRecord, number: int, count: int, left: float | None) -> str:
    """What comes next: the pair, as number `number` of `count`."""
    trials = [f"a search of {record.space.budget.trials} trials"] if record.is_searched else []
    work = ", then ".join([*trials, f"{len(record.finals)} training seeds"])
    return f"{record.pair.target}, {record.pair.method} ({number} of {count}): {work}{_left(left)}"


def announcement_again(pair: Pair, again: AgainRecord, left: float | None) -> str:
    """What comes next where it is a pair's search with another seed."""
    work = f"searched again with seed {again.seed}, {again.space.budget.trials} trials"
    return f"{pair.target}, {pair.method}: {work}{_left(left)}"


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f"; about {duration(seconds)} left"


def ending(record: PairRecord, place: Path) -> str:
    """How the last training in a folder ended."""
    final = next(final for final in record.finals if final.folder == place)
    done = sum(final.has_ended for final in record.finals)
    where = f"{record.pair.name}, seed {final.seed} ({done} of {len(record.finals)})"
    if final.report is None:
        return f"{where}: {final.failure}"
    metrics = final.report.metrics
    named = (f"{name} {metrics[name]:.3f}" for name in ("ua", "ira", "cra") if name in metrics)
    return f"{where}: {', '.join(named)}, alignment {metrics['alignment']:.3f}"


class WithoutLastWords:
    """A view that leaves out what to do next: that is the comparison's to say."""

    def __init__(self, view: View) -> None:
        self._view = view

    def prepare(self, part: str, done: int, total: int) -> None:
        """See `View`."""
        self._view.prepare(part, done, total)

    def show(self, sweep: SweepRecord, concurrent: int) -> None:
        """See `View`."""
        self._view.show(sweep, concurrent)

    def close(self, sweep: SweepRecord | None) -> None:  # noqa: ARG002
        """See `View`."""
        self._view.close(None)
