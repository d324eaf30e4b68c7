"""Choosing what to promote: the front's member that meets every constraint, with most to spare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.config import Objective
from pipeline.search.records import SweepRecord, TrialRecord
from pipeline.tracking.table import table_of

_MISSES_SHOWN: Final = 3


@dataclass(frozen=True)
class Miss:
    """A member of the front that does not qualify.

    Attributes:
        trial: its number.
        margin: its smallest normalised margin, below 0 (or minus infinity: not measured).
        lacking: metric -> (value, wanted) for each constraint that it does not meet.
    """

    trial: int
    margin: float
    lacking: Mapping[str, tuple[float, float]]

    def __str__(self) -> str:
        return f"trial {self.trial}: {', '.join(in_words(self.lacking))}"


class NothingQualifiesError(ValueError):
    """No member of the front meets all constraints.

    Attributes:
        misses: the front's members, nearest first.
    """

    def __init__(
        self,
        sweep: str,
        constraints: Mapping[str, float],
        misses: list[Miss],
        at_most: Mapping[str, float] | None = None,
    ) -> None:
        self.misses = tuple(misses)
        wanted = ", ".join(
            [f"{name} >= {value:g}" for name, value in constraints.items()]
            + [f"{name} <= {value:g}" for name, value in (at_most or {}).items()]
        )
        if misses:
            nearest = "; ".join(str(miss) for miss in misses[:_MISSES_SHOWN])
            remedy = f"nearest misses: {nearest}; lower a bound, or resume with more trials"
        else:
            remedy = "the front is empty: no trial is complete; resume the sweep"
        super().__init__(f"{sweep}: expected a trial on the front with {wanted}; {remedy}")


def choose(
    record: SweepRecord,
    constraints: Mapping[str, float],
    at_most: Mapping[str, float] | None = None,
) -> TrialRecord:
    """The member of the front that meets every bound with the most to spare.

    A margin is how far a metric lies above its bound, in units of the room there is above it
    (1 - bound for shares below one; 1 otherwise), so that 0.97 for 0.95 counts as much as 0.6 for
    0; or how far below it, in units of the bound. Of the members that qualify the one with the
    largest *smallest* margin is taken. Equal ones (a bound on UA alone is often met by a UA of 1
    many times) are told apart as if there were no constraints: each objective counts as one then,
    whose bound is the worst value on the front and whose room is the front's extent; of equal ones
    still, the lowest trial number.

    Args:
        record: a sweep.
        constraints: least value by name of a metric of the report.
        at_most: largest value by name; none if None.

    Raises:
        NothingQualifiesError: no member of the front meets all of them.
        ValueError: a constraint names no metric, or its bound is no finite number.
    """
    front = front_of(record)
    at_most = at_most or {}
    check_constraints({**at_most, **constraints}, front)
    balances = _balances(front, record.objectives) if front else {}
    margins = {trial.number: _margin(trial.metrics, constraints, at_most) for trial in front}
    qualified = [trial for trial in front if not lacking(trial.metrics, constraints, at_most)]
    if qualified:
        return min(
            qualified,
            key=lambda trial: (-margins[trial.number], -balances[trial.number], trial.number),
        )
    misses = [
        Miss(trial.number, margins[trial.number], lacking(trial.metrics, constraints, at_most))
        for trial in sorted(front, key=lambda trial: (-margins[trial.number], trial.number))
    ]
    raise NothingQualifiesError(record.name, constraints, misses, at_most)


def front_of(record: SweepRecord) -> list[TrialRecord]:
    """The trials that no other one dominates, by number."""
    members = table_of(record).front
    return [trial for trial in record.trials if trial.number in members]


def lacking(
    metrics: Mapping[str, float],
    constraints: Mapping[str, float],
    at_most: Mapping[str, float] | None = None,
) -> dict[str, tuple[float, float]]:
    """Metric -> (value, wanted) for each bound that is not met; NaN if it was not measured.

    Args:
        metrics: value by name.
        constraints: least value by name.
        at_most: largest value by name; none if None.
    """
    got = {name: metrics.get(name, math.nan) for name in {**constraints, **(at_most or {})}}
    # Written so that NaN does not pass.
    low = {name: (got[name], b) for name, b in constraints.items() if not got[name] >= b}
    high = {name: (got[name], b) for name, b in (at_most or {}).items() if not got[name] <= b}
    return {**low, **high}


def in_words(misses: Mapping[str, tuple[float, float]]) -> list[str]:
    """What `lacking` found, one text a bound."""
    return [
        f"{name} {value:.4f} {'>' if value > wanted else '<'} {wanted:g}"
        for name, (value, wanted) in misses.items()
    ]


def _margin(
    metrics: Mapping[str, float], constraints: Mapping[str, float], at_most: Mapping[str, float]
) -> float:
    margins = [
        (metrics.get(name, -math.inf) - bound) / (1 - bound if bound < 1 else 1)
        for name, bound in constraints.items()
    ]
    margins += [
        (bound - metrics.get(name, math.inf)) / (bound if bound > 0 else 1)
        for name, bound in at_most.items()
    ]
    return min((-math.inf if math.isnan(margin) else margin for margin in margins), default=0.0)


def _balances(front: list[TrialRecord], objectives: Mapping[str, Objective]) -> dict[int, float]:
    """Smallest share of the front's extent that a member gains, over the objectives."""
    columns = list(zip(*(trial.values or () for trial in front), strict=True))
    balances = {}
    for trial in front:
        shares = []
        for value, column, direction in zip(
            trial.values or (), columns, objectives.values(), strict=True
        ):
            extent = max(column) - min(column)
            gained = value - min(column) if direction == "maximize" else max(column) - value
            shares.append(gained / extent if extent > 0 else 1.0)
        balances[trial.number] = min(shares)
    return balances


def check_constraints(constraints: Mapping[str, float], trials: Iterable[TrialRecord]) -> None:
    """Refuse constraints that no trial could meet, whatever it got.

    Raises:
        ValueError: one names no metric of the trials, or its bound is no finite number.
    """
    known = sorted({name for trial in trials for name in trial.metrics})
    for name, bound in constraints.items():
        if known and name not in known:
            raise ValueError(
                f"{name}: expected a metric of the report ({', '.join(known)}); name one of them"
            )
        if not math.isfinite(bound):
            raise ValueError(f"{name}: expected a finite bound, got {bound}; give a number")
