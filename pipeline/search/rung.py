"""What passes between a trial at a rung and its sweep; two small files in the trial's folder.

The trial writes what it measured, the sweep what it decided. Both survive every kind of death: a
trial that is run anew is not judged twice at a rung, and hears the same again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from pipeline.search.files import read_json, write_json
from pipeline.search.halving import Verdict
from pipeline.search.places import RUNGS, VERDICTS

_RUNG: Final = "rung"
_STEP: Final = "step"
_VALUE: Final = "value/"


@dataclass(frozen=True)
class RungReport:
    """A trial's objectives at a rung.

    Attributes:
        rung: from 0.
        step: of the trial's own training, after which it was judged.
        values: by objective; NaN for one that was not measured.
    """

    rung: int
    step: int
    values: Mapping[str, float]

    def as_result(self) -> dict[str, Any]:
        """A flat mapping to send through Ray."""
        values = {_VALUE + name: value for name, value in self.values.items()}
        return {_RUNG: self.rung, _STEP: self.step, **values}

    @classmethod
    def from_result(cls, result: Mapping[str, Any]) -> Self | None:
        """What `as_result` sent; None if it is nothing of the kind."""
        if _RUNG not in result:
            return None
        values = {
            name.removeprefix(_VALUE): float(value)
            for name, value in result.items()
            if name.startswith(_VALUE)
        }
        return cls(int(result[_RUNG]), int(result[_STEP]), values)


def measured(folder: Path, rung: int) -> RungReport | None:
    """What a trial has measured at a rung; None if it has not been there."""
    known = (read_json(folder / RUNGS) or {}).get(str(rung))
    return None if known is None else RungReport(**known)


def note_measured(folder: Path, report: RungReport) -> None:
    """Keep what was measured at a rung."""
    known = read_json(folder / RUNGS) or {}
    write_json(folder / RUNGS, {**known, str(report.rung): asdict(report)})


def verdict_on(folder: Path, rung: int) -> Verdict | None:
    """What the sweep has said at a rung; None if it hasn't yet."""
    known = (read_json(folder / VERDICTS) or {}).get(str(rung))
    return None if known is None else Verdict(**known)


def note_verdict(folder: Path, rung: int, said: Verdict) -> None:
    """Tell a trial whether it goes on."""
    known = read_json(folder / VERDICTS) or {}
    write_json(folder / VERDICTS, {**known, str(rung): asdict(said)})


def why_stopped(report: RungReport, said: Verdict, steps: int) -> str:
    """The end of a trial in a sentence."""
    return (
        f"stopped early after step {report.step} of {steps}: number {said.place} of the {said.of} "
        f"trials that had come to rung {report.rung + 1} ({in_words(report.values.items())})"
    )


def in_words(values: Iterable[tuple[str, float]]) -> str:
    """Objectives at a rung on one line."""
    return ", ".join(f"{name} {value:.3f}" for name, value in values)
