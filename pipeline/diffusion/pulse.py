"""A watchdog: a process whose work makes no progress for too long says where it hangs, and ends.

It is a timer of the interpreter's own (`faulthandler`), which needs no Python to run: it also ends
a process that a driver, a dead disk or a lock holds fast. Who waits for a trial starts it anew,
from its last checkpoint. Legend: a *beat* is a step, a batch of pictures, or a batch judged.
"""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

_PUT_OFF_EVERY: Final = 0.05
"""Share of the patience between two resets of the timer, which take a new thread each."""


@dataclass
class _Timer:
    patience: float
    stacks: TextIO
    due: float = 0.0

    def put_off(self) -> None:
        now = time.monotonic()
        if now >= self.due:
            faulthandler.dump_traceback_later(self.patience, file=self.stacks, exit=True)
            self.due = now + self.patience * _PUT_OFF_EVERY


_timers: list[_Timer] = []
"""The timer that runs, if any; a process has one."""


@contextmanager
def watched(stacks: Path, patience: float) -> Iterator[None]:
    """End this process if there is no beat for `patience` seconds while the block runs.

    Args:
        stacks: file that the stack of every thread is added to when the process is ended; it is
            removed if that never happened.
        patience: seconds; at most a twentieth less is waited.
    """
    with stacks.open("a", encoding="utf-8") as file:
        _timers.append(_Timer(patience, file))
        beat()
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            _timers.clear()
            if stacks.stat().st_size == 0:
                stacks.unlink()


def beat() -> None:
    """Tell that the work goes on; nothing where nobody watches."""
    for timer in _timers:
        timer.put_off()


@contextmanager
def at_rest() -> Iterator[None]:
    """Wait for others, who are watched themselves, for as long as they take."""
    faulthandler.cancel_dump_traceback_later()
    try:
        yield
    finally:
        for timer in _timers:
            timer.due = 0.0
        beat()
