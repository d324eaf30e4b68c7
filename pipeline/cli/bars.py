"""Progress of long work: bars on a terminal, now and then a line anywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from pipeline.cli.terminal import NOTES, note

_SECONDS_BETWEEN_LINES: Final = 20.0


class Bars:
    """One bar for each thing that is worked on, in the order in which they begin."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, float] = {}

    def show(self, title: str, done: int, total: int, remark: str = "") -> None:
        """Say that `done` of `total` are done."""
        if self._progress is None:
            self._say(title, done, total, remark)
            return
        if title not in self._tasks:
            self._tasks[title] = self._progress.add_task(title, total=total, remark="")
        self._progress.update(self._tasks[title], completed=done, total=total, remark=remark)

    def _say(self, title: str, done: int, total: int, remark: str) -> None:
        now = time.monotonic()
        is_due = now - self._said.get(title, now - _SECONDS_BETWEEN_LINES) >= _SECONDS_BETWEEN_LINES
        if is_due or done == total:
            self._said[title] = now
            note(f"{title}: {done} of {total} {remark}".rstrip())


@contextmanager
def bars() -> Iterator[Bars]:
    """Bars that stay on the screen when the work is done."""
    if not NOTES.is_terminal:
        yield Bars(None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[remark]}", style="dim"),
    )
    with Progress(*columns, console=NOTES) as progress:
        yield Bars(progress)
