"""How a trial ended, as its folder tells it: the one truth that survives every kind of death."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from pipeline.search.files import read_json
from pipeline.search.places import FAILURE, REPORT, STOPPED, TIMING

_METRIC: Final = "metric/"
_REASON: Final = "reason"
_SECONDS: Final = "seconds"
_STOPPED_AT: Final = "stopped_at"


@dataclass(frozen=True)
class Outcome:
    """A trial's end.

    Attributes:
        metrics: of its report; empty after a failure or an early stop.
        reason: why it failed or was stopped, or None.
        seconds: that it took, or None if it didn't come that far.
        stopped_at: step after which it was stopped early, or None.
    """

    metrics: Mapping[str, float]
    reason: str | None
    seconds: float | None
    stopped_at: int | None = None

    def values(self, objectives: Iterable[str]) -> list[float]:
        """The objectives' values; NaN for one that wasn't measured."""
        return [self.metrics.get(name, math.nan) for name in objectives]

    def as_result(self) -> dict[str, Any]:
        """A flat mapping to send through Ray."""
        result: dict[str, Any] = {_METRIC + name: value for name, value in self.metrics.items()}
        if self.reason is not None:
            result[_REASON] = self.reason
        if self.seconds is not None:
            result[_SECONDS] = self.seconds
        if self.stopped_at is not None:
            result[_STOPPED_AT] = self.stopped_at
        return result

    @classmethod
    def from_result(cls, result: Mapping[str, Any] | None) -> Self | None:
        """What `as_result` sent; None if there is nothing of the kind."""
        result = result or {}
        metrics = {
            name.removeprefix(_METRIC): float(value)
            for name, value in result.items()
            if name.startswith(_METRIC)
        }
        if not metrics and _REASON not in result:
            return None
        return cls(metrics, result.get(_REASON), result.get(_SECONDS), result.get(_STOPPED_AT))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """How the trial in this folder ended; None if it hasn't."""
        seconds = math.fsum((read_json(folder / TIMING) or {}).values()) or None
        failure = read_json(folder / FAILURE)
        if failure is not None:
            return cls({}, f"{failure.get('kind')}: {failure.get('message')}", seconds)
        stopped = read_json(folder / STOPPED)
        if stopped is not None:
            return cls({}, stopped["reason"], seconds, stopped["step"])
        report = read_json(folder / REPORT)
        if report is None:
            return None
        metrics = {name: float(value) for name, value in report["metrics"].items()}
        return cls(metrics, None, seconds)


def why_no_weights(trial: Path) -> str:
    """What became of the weights of a trial that has none, and what to do about it."""
    outcome, sweep = Outcome.read(trial), trial.parent.parent.name
    if outcome is None:
        return f"expected weights, it is not trained yet: go on with `unlearn resume {sweep}`"
    if outcome.reason is not None:
        return f"expected weights, it has none: {outcome.reason}"
    return (
        "expected weights, there are none: budget.keep_weights: front keeps those of no other "
        f"trial, or they were removed; `unlearn train --sweep {sweep} --trial {int(trial.name)}` "
        "trains it anew"
    )
