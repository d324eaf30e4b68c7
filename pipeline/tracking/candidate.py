"""Which trial is to be promoted, by what is asked for and what the search has measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.config import GateConfig
from pipeline.search.records import SweepRecord, TrialRecord
from pipeline.tracking.choose import (
    NothingQualifiesError,
    check_constraints,
    choose,
    front_of,
    in_words,
    lacking,
)
from pipeline.tracking.gate_result import Override


@dataclass(frozen=True)
class Demands:
    """What is asked of a model before it is promoted.

    Attributes:
        gate: thresholds on confidence bounds; the searched values have to keep to them as well,
            as far as the search measures them.
        least_values: metric -> least value, in the search's judgement and in the second.
        override: who lets a model through that falls short, and why; None where nobody does.
    """

    gate: GateConfig | None = None
    least_values: Mapping[str, float] = field(default_factory=dict)
    override: Override | None = None


def candidate(
    record: SweepRecord, demands: Demands, number: int | None
) -> tuple[TrialRecord, tuple[str, ...]]:
    """The trial to judge once more, and in what its searched values fall short.

    They fall short of nothing, unless somebody lets it through all the same; the member of
    the front that comes nearest is taken then.

    Args:
        record: a sweep.
        demands: what is asked for.
        number: of the trial; the one that `choose` takes if None.

    Raises:
        NothingQualifiesError: no member of the front meets them, and nobody lets one through.
        ValueError: there is no such complete trial, it falls short and nobody lets it through,
            or a metric is unknown.
    """
    if number is not None:
        return _named(record, number, demands)
    least, most = _bounds(demands, front_of(record))
    try:
        return choose(record, least, most), ()
    except NothingQualifiesError as error:
        if demands.override is None or not error.misses:
            raise
        nearest = error.misses[0]
    trial = next(each for each in record.trials if each.number == nearest.trial)
    return trial, tuple(in_words(nearest.lacking))


def _bounds(
    demands: Demands, trials: Iterable[TrialRecord]
) -> tuple[dict[str, float], dict[str, float]]:
    """Least and largest searched values: the gate's thresholds on what the search measures."""
    measured = {name for trial in trials for name in trial.metrics}
    least, most = dict(demands.least_values), {}
    if demands.gate is not None:
        for name, threshold in demands.gate.at_least.items():
            if name in measured:
                least[name] = max(threshold, least.get(name, threshold))
        most = {name: t for name, t in demands.gate.at_most.items() if name in measured}
    return least, most


def _named(
    record: SweepRecord, number: int, demands: Demands
) -> tuple[TrialRecord, tuple[str, ...]]:
    found = next((trial for trial in record.trials if trial.number == number), None)
    if found is None or found.state != "complete":
        complete = [str(trial.number) for trial in record.trials if trial.state == "complete"]
        state = "no such trial" if found is None else f"a {found.state} one"
        raise ValueError(
            f"trial {number}: expected a complete trial of {record.name} "
            f"({', '.join(complete) or 'there is none yet'}), got {state}"
        )
    least, most = _bounds(demands, [found])
    check_constraints({**most, **least}, [found])
    short = tuple(in_words(lacking(found.metrics, least, most)))
    if short and demands.override is None:
        raise ValueError(
            f"trial {number}: expected it to meet every bound, got {', '.join(short)}; "
            'name another trial, lower a bound, or give a reason with --override "reason"'
        )
    return found, short
