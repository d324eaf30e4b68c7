"""From what was searched and judged to numbers: functions of a comparison's record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import groupby
from typing import Final

from pipeline import __version__
from pipeline.config import Objective
from pipeline.config.fairness import example
from pipeline.evaluation.by_prompt import values_by_prompt
from pipeline.evaluation.intervals import Interval, bootstrap_interval
from pipeline.evaluation.report import Report
from pipeline.search.comparison_record import ComparisonRecord, FinalRecord, PairRecord
from pipeline.search.member import front_of
from pipeline.search.pareto import hypervolume, reference_point
from pipeline.search.records import SweepRecord
from pipeline.tracking.comparison.differences import differences
from pipeline.tracking.comparison.results import (
    FinalResult,
    Member,
    MethodResult,
    Results,
    TargetResult,
)
from pipeline.tracking.comparison.volumes import Volumes, mean_volumes, volumes_of

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
    volumes = {each.pair: _volumes(each, place) for place, each in enumerate(begun)}
    unsorted = [
        _method(
            each,
            volumes[each.pair],
            {}
            if each is first
            else differences(each, first, (volumes[each.pair], volumes.get(first.pair))),
        )
        for each in begun
    ]
    methods = sorted(unsorted, key=lambda each: _rank(each.hypervolume))
    searched = next((each.sweep for each in begun if each.sweep is not None), None)
    reports = [report for each in begun for report in _reports(each)]
    shared = example(first.space)
    return TargetResult(
        target=name,
        concept=shared.concept.model_dump(mode="json", exclude_defaults=True),
        objectives=dict(shared.objectives),
        base=dict(reports[0].base_metrics) if reports else {},
        searched_base=dict(searched.base_metrics) if searched is not None else {},
        baseline=first.pair.method,
        methods=tuple(methods),
        waiting=tuple(each.pair.method for each in pairs if each not in begun),
    )


def _rank(volume: float | None) -> float:
    return math.inf if volume is None else -volume


def _searches(record: PairRecord) -> list[SweepRecord]:
    """What a method's hypervolume is the mean of: a search that goes on would only lower it."""
    if record.sweep is None:
        return []
    return [record.sweep, *(each.sweep for each in record.again if each.sweep and each.has_ended)]


def _volumes(record: PairRecord, place: int) -> Volumes | None:
    found = [volumes_of(sweep, _BOOTSTRAP_SEED) for sweep in _searches(record)]
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return None
    return mean_volumes(known, (_BOOTSTRAP_SEED, place))


def _method(
    record: PairRecord, volumes: Volumes | None, against_first: Mapping[str, Interval]
) -> MethodResult:
    trials = [trial for sweep in record.sweeps for trial in sweep.trials]
    states = [trial.state for trial in trials]
    fronts = [_front(sweep) for sweep in _searches(record)]
    searches = tuple(covered(front, record.space.objectives) for front in fronts)
    ended = [final for final in record.finals if final.has_ended]
    return MethodResult(
        method=record.pair.method,
        has_ended=record.has_ended,
        front=fronts[0] if fronts else (),
        hypervolume=sum(searches) / len(searches) if searches else None,
        hypervolume_interval=None if volumes is None else volumes.interval(),
        searches=searches,
        complete=states.count("complete"),
        failed=states.count("failed") + states.count("pruned"),
        sweep_seconds=sum(trial.seconds or 0.0 for trial in trials),
        chosen=None if record.chosen is None else record.chosen.number,
        settings={} if record.chosen is None else dict(record.chosen.params),
        finals=tuple(_final(final) for final in ended),
        means=means_of(_reports(record)),
        intervals=intervals_of(_reports(record)),
        differences=against_first,
    )


def _front(sweep: SweepRecord) -> tuple[Member, ...]:
    return tuple(Member(trial.number, trial.values or ()) for trial in front_of(sweep))


def covered(front: tuple[Member, ...], objectives: Mapping[str, Objective]) -> float:
    """The hypervolume of a front, from the worst corner of shares."""
    directions = list(objectives.values())
    values = [member.values for member in front]
    return hypervolume(values, reference_point(directions), directions)


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
