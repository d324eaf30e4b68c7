"""From what was searched and judged to numbers: functions of a comparison's record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import groupby
from typing import Final

from pipeline import __version__
from pipeline.config.fairness import example
from pipeline.evaluation.by_prompt import values_by_prompt
from pipeline.evaluation.intervals import Interval, bootstrap_interval
from pipeline.evaluation.report import Report
from pipeline.search.comparison_record import ComparisonRecord, FinalRecord, PairRecord
from pipeline.search.member import front_of
from pipeline.tracking.comparison.covered import Covered, by_chosen, by_searches
from pipeline.tracking.comparison.differences import differences
from pipeline.tracking.comparison.results import (
    FinalResult,
    Member,
    MethodResult,
    Results,
    TargetResult,
)

_BOOTSTRAP_SEED: Final = 0


def results_of(record: ComparisonRecord) -> Results:
    """The numbers of what there is of a comparison."""
    targets = tuple(
        _target(name, list(pairs))
        for name, pairs in groupby(record.pairs, key=lambda each: each.pair.target)
    )
    judgement = record.final.model_dump(mode="json")
    return Results(record.name, record.created, __version__, judgement, targets)


def _target(name: str, pairs: list[PairRecord]) -> TargetResult:
    begun = [each for each in pairs if each.has_begun]
    first = pairs[0]
    searched = {each.pair: by_searches(each) for each in begun}
    anew = {each.pair: by_chosen(each) for each in begun}
    unsorted = []
    for each in begun:
        against_first: dict[str, Interval | None] = {}
        if each is not first and first in begun:
            against_first = {
                **differences(each, first),
                "hypervolume": searched[each.pair].minus(searched[first.pair]),
                "hypervolume_anew": anew[each.pair].minus(anew[first.pair]),
            }
        known = {name: interval for name, interval in against_first.items() if interval is not None}
        unsorted.append(_method(each, searched[each.pair], anew[each.pair], known))
    methods = sorted(unsorted, key=lambda each: _rank(each.hypervolume))
    sweep = next((each.sweep for each in begun if each.sweep is not None), None)
    reports = [report for each in begun for report in _reports(each)]
    shared = example(first.space)
    return TargetResult(
        target=name,
        concept=shared.concept.model_dump(mode="json", exclude_defaults=True),
        objectives=dict(shared.objectives),
        base=dict(reports[0].base_metrics) if reports else {},
        searched_base=dict(sweep.base_metrics) if sweep is not None else {},
        baseline=first.pair.method,
        methods=tuple(methods),
        waiting=tuple(each.pair.method for each in pairs if each not in begun),
    )


def _rank(volume: float | None) -> float:
    return math.inf if volume is None else -volume


def _method(
    record: PairRecord, searched: Covered, anew: Covered, against_first: Mapping[str, Interval]
) -> MethodResult:
    trials = [trial for sweep in record.sweeps for trial in sweep.trials]
    states = [trial.state for trial in trials]
    members = [] if record.sweep is None else front_of(record.sweep)
    ended = [final for final in record.finals if final.has_ended]
    return MethodResult(
        method=record.pair.method,
        is_judged=record.is_judged,
        has_ended=record.has_ended,
        front=tuple(Member(trial.number, trial.values or ()) for trial in members),
        hypervolume=searched.mean(),
        hypervolume_interval=searched.interval(),
        searches=searched.measured,
        complete=states.count("complete"),
        failed=states.count("failed") + states.count("pruned"),
        sweep_seconds=sum(trial.seconds or 0.0 for trial in trials),
        chosen=None if record.chosen is None else record.chosen.number,
        settings={} if record.chosen is None else dict(record.chosen.params),
        finals=tuple(_final(final) for final in ended),
        hypervolume_anew=anew.mean(),
        anew_interval=anew.interval(),
        anew=anew.measured,
        means=means_of(_reports(record)),
        intervals=intervals_of(_reports(record)),
        differences=against_first,
    )


def means_of(reports: list[Report]) -> dict[str, float]:
    """Mean over trainings of each metric."""
    names = reports[0].metrics if reports else {}
    return {name: sum(each.metrics[name] for each in reports) / len(reports) for name in names}


def intervals_of(reports: list[Report]) -> dict[str, Interval]:
    """95 % interval of each metric that has values prompt by prompt, over trainings and prompts."""
    values = [values_by_prompt(report) for report in reports]
    names = values[0] if values else {}
    return {
        name: bootstrap_interval([each[name] for each in values], _BOOTSTRAP_SEED) for name in names
    }


def _reports(record: PairRecord) -> list[Report]:
    return [final.report for final in record.finals if final.report is not None]


def _final(final: FinalRecord) -> FinalResult:
    return FinalResult(
        seed=final.seed,
        metrics=None if final.report is None else dict(final.report.metrics),
        training_seconds=final.seconds.get("training"),
        failure=final.failure,
    )
