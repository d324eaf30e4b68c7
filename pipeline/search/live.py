"""What a person sees while a sweep runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.config import ConfigError, load_space
from pipeline.search.pareto import front_mask, hypervolume, reference_point
from pipeline.search.places import EXPERIMENT, TELEMETRY, WEIGHTS
from pipeline.search.records import SweepRecord, TrialRecord

_PLAIN_SECONDS = 10.0
_STOPPED_SHOWN = 4


class View(Protocol):
    """What a sweep tells of its progress."""

    def prepare(self, part: str, done: int, total: int) -> None:
        """Work before the first trial; `total` is 0 while it isn't known."""

    def show(self, sweep: SweepRecord, concurrent: int) -> None:
        """A trial began or ended."""

    def close(self, sweep: SweepRecord | None) -> None:
        """The sweep ended, was interrupted, or (None) failed to start."""


def open_view(console: Console | None = None) -> View:
    """A live table if the console is a terminal, else plain lines."""
    console = console or Console()
    return LiveView(console) if console.is_terminal else PlainView(console)


class LiveView:
    """A table that is redrawn twice a second.

    Args:
        console: a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._preparation = ("starting Ray", 0, 0)
        self._sweep: SweepRecord | None = None
        self._concurrent = 1
        self._clock = Clock()
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=2)
        self._live.start()

    def prepare(self, part: str, done: int, total: int) -> None:
        """See `View`."""
        self._preparation = (part, done, total)

    def show(self, sweep: SweepRecord, concurrent: int) -> None:
        """See `View`."""
        self._clock.see(sweep)
        self._sweep, self._concurrent = sweep, concurrent

    def close(self, sweep: SweepRecord | None) -> None:
        """See `View`."""
        self._sweep = sweep or self._sweep
        self._live.stop()
        if sweep is not None:
            self._console.print(closing_words(sweep))

    def _draw(self) -> RenderableType:
        if self._sweep is None:
            part, done, total = self._preparation
            bar = ProgressBar(total or None, done, width=40, pulse=total == 0)
            count = f"{done} of {total}" if total else ""
            return Group(Text(f"Preparing: {part} {count}"), bar)
        return _table(self._sweep, self._concurrent, self._clock)


class PlainView:
    """A line for each thing that happens.

    Args:
        console: a file or a pipe.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = 0.0
        self._told = ("", 0)
        self._known: dict[int, str] | None = None
        self._clock = Clock()

    def prepare(self, part: str, done: int, total: int) -> None:
        """See `View`."""
        if (part, done) == self._told:
            return
        now = time.monotonic()
        if part != self._told[0] or done == total or now - self._said >= _PLAIN_SECONDS:
            self._said, self._told = now, (part, done)
            self._say(f"preparing: {part}" + (f", {done} of {total}" if total else ""))

    def show(self, sweep: SweepRecord, concurrent: int) -> None:
        """See `View`."""
        self._clock.see(sweep)
        if self._known is None:
            self._known = {t.number: t.state for t in sweep.trials if t.state != "running"}
            if self._known:
                self._say(f"going on after {_counts(sweep)}")
        for trial in sweep.trials:
            if self._known.get(trial.number) == trial.state:
                continue
            self._known[trial.number] = trial.state
            self._say(_line(sweep, trial) + _ending(sweep, concurrent, trial, self._clock))

    def close(self, sweep: SweepRecord | None) -> None:
        """See `View`."""
        if sweep is not None:
            self._say(closing_words(sweep))

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


class Clock:
    """Since when each running trial has been seen."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    def see(self, sweep: SweepRecord) -> None:
        """Note the running trials."""
        for trial in sweep.trials:
            if trial.state == "running":
                self._since.setdefault(trial.number, time.monotonic())

    def elapsed(self, trial: TrialRecord) -> float:
        """Seconds since the trial was first seen running."""
        now = time.monotonic()
        return now - self._since.get(trial.number, now)


def time_left(sweep: SweepRecord, concurrent: int, clock: Clock) -> float | None:
    """Seconds until the budget is used up, by the median of finished trials; None before one."""
    spent = [trial.seconds for trial in sweep.trials if trial.seconds is not None]
    if not spent:
        return None
    # The first trials also waited for their workers to start.
    usual = statistics.median(spent)
    running = [trial for trial in sweep.trials if trial.state == "running"]
    ahead = max(sweep.space.budget.trials - len(sweep.trials), 0) * usual
    ahead += sum(max(usual - clock.elapsed(trial), 0.0) for trial in running)
    return ahead / min(concurrent, max(len(running), 1))


def closing_words(sweep: SweepRecord) -> str:
    """What to do next."""
    counts = _counts(sweep)
    if sweep.status == "finished":
        return f"{sweep.name}: {counts}. See the front with: unlearn pareto {sweep.name}"
    return f"{sweep.name}: interrupted; {counts}. Go on with: unlearn resume {sweep.name}"


def best_by_objective(sweep: SweepRecord) -> Iterator[tuple[str, float, int]]:
    """(objective, best value, trial's number) for each objective that a complete trial has."""
    for place, (name, direction) in enumerate(sweep.objectives.items()):
        measured = [(t.values[place], t.number) for t in sweep.trials if t.values is not None]
        if measured:
            value, number = (max if direction == "maximize" else min)(measured)
            yield name, value, number


def _covered(sweep: SweepRecord) -> tuple[int, float]:
    """Trials on the front, and the front's hypervolume."""
    directions = list(sweep.objectives.values())
    values = np.array([trial.values for trial in sweep.trials if trial.values is not None])
    volume = hypervolume(values, reference_point(directions), directions)
    return int(front_mask(values, directions).sum()), volume


def _table(sweep: SweepRecord, concurrent: int, clock: Clock) -> RenderableType:
    total = sweep.space.budget.trials
    done = sum(trial.state != "running" for trial in sweep.trials)
    grid = Table.grid(padding=(0, 2))
    grid.add_row("trials", _counts(sweep))
    for name, value, number in best_by_objective(sweep):
        base = sweep.base_metrics.get(name)
        beside = "" if base is None else f", base {base:.3f}"
        grid.add_row(f"best {name}", f"{value:.3f} (trial {number}{beside})")
    on_front, volume = _covered(sweep)
    grid.add_row("front", f"{on_front} trials, hypervolume {volume:.3f}")
    stopped = [f"{t.number} after step {t.stopped_at}" for t in sweep.trials if t.stopped_at]
    if stopped:
        grid.add_row("stopped early", f"trial {', '.join(stopped[-_STOPPED_SHOWN:])}")
    left = time_left(sweep, concurrent, clock)
    grid.add_row("time left", "unknown yet" if left is None else duration(left))
    for trial in sweep.trials:
        if trial.state == "running":
            grid.add_row(
                f"trial {trial.number}", f"{_stage(trial)}, {duration(clock.elapsed(trial))}"
            )
    title = Text(sweep.name, style="bold")
    return Group(title, ProgressBar(total, done, width=40), grid)


def _counts(sweep: SweepRecord) -> str:
    states = [trial.state for trial in sweep.trials]
    parts = [f"{states.count('complete')} of {sweep.space.budget.trials} trials complete"]
    parts += [
        f"{states.count(state)} {state}"
        for state in ("running", "failed", "pruned")
        if state in states
    ]
    return ", ".join(parts)


def _line(sweep: SweepRecord, trial: TrialRecord) -> str:
    if trial.values is None:
        return f"trial {trial.number} {trial.state}" + (f": {trial.reason}" if trial.reason else "")
    values = zip(sweep.objectives, trial.values, strict=True)
    return f"trial {trial.number}: " + ", ".join(f"{name} {value:.3f}" for name, value in values)


def _ending(sweep: SweepRecord, concurrent: int, trial: TrialRecord, clock: Clock) -> str:
    if trial.state == "running":
        return ""
    left = time_left(sweep, concurrent, clock)
    remaining = "" if left is None else f", {duration(left)} left"
    return f" ({_counts(sweep)}; hypervolume {_covered(sweep)[1]:.3f}{remaining})"


def _stage(trial: TrialRecord) -> str:
    # The only sign of a closed-form edit, which has no steps.
    if (trial.folder / WEIGHTS).is_file():
        return "judging"
    step = _last_step(trial.folder / TELEMETRY)
    if step is None:
        return "starting"
    total = _steps(trial.folder / EXPERIMENT)
    return "judging" if step == total else f"step {step} of {total}"


def _last_step(telemetry: Path) -> int | None:
    try:
        return int(json.loads(telemetry.read_text().splitlines()[-1])["step"])
    except (OSError, IndexError, ValueError):
        return None  # not there yet, or its last line is being written


@lru_cache(maxsize=64)
def _steps(experiment: Path) -> int | None:
    try:
        return load_space(experiment).fixed().update.steps
    except ConfigError:
        return None


def duration(seconds: float) -> str:
    """Seconds in words: `2 h 05 min`, `3 min 20 s`, `7 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
