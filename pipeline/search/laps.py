"""Where the time of a trial goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Laps:
    """Seconds by part of a trial.

    Args:
        issued: Unix time at which the trial was handed out; what no part accounts for since then
            is overhead: starting a worker, importing, reporting.
    """

    def __init__(self, issued: float) -> None:
        # Clocks are set, and those of two machines differ: they are asked once.
        self._waited = max(time.time() - issued, 0.0)
        self._begun = time.perf_counter()
        self.seconds: dict[str, float] = {}
        self._inside = 0.0

    @contextmanager
    def lap(self, part: str) -> Iterator[None]:
        """Count what happens inside for a part, but for laps within it."""
        start = time.perf_counter()
        before, self._inside = self._inside, 0.0
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[part] = self.seconds.get(part, 0.0) + spent - self._inside
            self._inside = before + spent

    def total(self) -> dict[str, float]:
        """All parts, with `overhead`; they sum to the time since the trial was handed out."""
        whole = self._waited + time.perf_counter() - self._begun
        overhead = max(whole - sum(self.seconds.values()), 0.0)
        return {**self.seconds, "overhead": overhead}
