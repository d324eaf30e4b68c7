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
from pipeline.tracking.comparison.differences import Covered, differences
from pipeline.tracking.comparison.results import (
    FinalResult,
    Member,
    MethodResult,
    Results,
    TargetResult,
)
from pipeline.tracking.comparison.volumes import (
    Volumes,
    VolumesBySeed,
    volumes_anew,
    volumes_of,
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
    volumes = {each.pair: _covered_by(each) for each in begun}
    unsorted = [
        _method(
            each,
            volumes[each.pair],
            {}
            if each is first or first.pair not in volumes
            else differences(each, first, (volumes[each.pair], volumes[first.pair])),
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


def _searches(record: PairRecord) -> dict[int, SweepRecord]:
    """What a method's hypervolume is the mean of, by seed.

    Of those with other seeds only what has ended: one that goes on would only lower it.
    """
    if record.sweep is None:
        return {}
    ended = {each.seed: each.sweep for each in record.again if each.sweep and each.has_ended}
    return {record.space.budget.seed: record.sweep, **ended}


def _covered_by(record: PairRecord) -> Covered:
    objectives = record.space.objectives
    searched = {seed: volumes_of(s, _BOOTSTRAP_SEED) for seed, s in _searches(record).items()}
    anew = {
        final.seed: volumes_anew(final.report, objectives, _BOOTSTRAP_SEED)
        for final in record.finals
        if final.report is not None
    }
    return Covered(*(_known(record, found) for found in (searched, anew)))


def _known(record: PairRecord, found: Mapping[int, Volumes | None]) -> VolumesBySeed:
    known = {seed: volumes for seed, volumes in found.items() if volumes is not None}
    return VolumesBySeed(record.pair.method, known)


def _method(
    record: PairRecord, covered: Covered, against_first: Mapping[str, Interval]
) -> MethodResult:
    trials = [trial for sweep in record.sweeps for trial in sweep.trials]
    states = [trial.state for trial in trials]
    found = _searches(record)
    searches = {seed: _covered(sweep, record.space.objectives) for seed, sweep in found.items()}
    volumes = (
        covered.searched.mean() if searches.keys() == covered.searched.by_seed.keys() else None
    )
    anew = covered.anew.mean()
    ended = [final for final in record.finals if final.has_ended]
    return MethodResult(
        method=record.pair.method,
        has_ended=record.has_ended,
        front=() if record.sweep is None else _front(record.sweep),
        hypervolume=sum(searches.values()) / len(searches) if searches else None,
        hypervolume_interval=None if volumes is None else volumes.interval(),
        searches=searches,
        complete=states.count("complete"),
        failed=states.count("failed") + states.count("pruned"),
        sweep_seconds=sum(trial.seconds or 0.0 for trial in trials),
        chosen=None if record.chosen is None else record.chosen.number,
        settings={} if record.chosen is None else dict(record.chosen.params),
        finals=tuple(_final(final) for final in ended),
        anew_interval=None if anew is None else anew.interval(),
        means=means_of(_reports(record)),
        intervals=intervals_of(_reports(record)),
        differences=against_first,
    )


def _front(sweep: SweepRecord) -> tuple[Member, ...]:
    return tuple(Member(trial.number, trial.values or ()) for trial in front_of(sweep))


def _covered(sweep: SweepRecord, objectives: Mapping[str, Objective]) -> float:
    """The hypervolume of a search's front, from the worst corner of shares."""
    directions = list(objectives.values())
    values = [member.values for member in _front(sweep)]
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
