"""What a method covers on a target: by the front of each search, and by its chosen member anew.

A search's hypervolume is measured on the very pictures by which its trials were told apart, so that
luck on them counts for it. The chosen member's, with other training seeds, another judge and fresh
pictures, knows nothing of that luck.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.evaluation.intervals import Interval
from pipeline.search.comparison_record import PairRecord
from pipeline.search.member import front_of
from pipeline.search.pareto import hypervolume, reference_point
from pipeline.search.records import SweepRecord
from pipeline.tracking.comparison.volumes import (
    Volumes,
    difference,
    mean_volumes,
    volumes_anew,
    volumes_of,
)

_DRAWS_SEED: Final = 0


@dataclass(frozen=True)
class Covered:
    """Hypervolumes by seed, as measured and resampled.

    Attributes:
        measured: by seed.
        resampled: the same; empty where one of them has nothing to resample.
    """

    measured: Mapping[int, float]
    resampled: Mapping[int, Volumes]

    def mean(self) -> float | None:
        """Over seeds; None without any."""
        return sum(self.measured.values()) / len(self.measured) if self.measured else None

    def interval(self) -> Interval | None:
        """95 % of that mean, over seeds and prompts; None where there is nothing to resample."""
        return mean_volumes(self.resampled.values()).interval() if self.resampled else None

    def minus(self, other: Covered) -> Interval | None:
        """The difference on the seeds that both have; None where there is nothing to resample."""
        return difference(self.resampled, other.resampled)


def by_searches(record: PairRecord) -> Covered:
    """The front of each search, by the search's seed.

    Of searches with other seeds only those that have ended: one that goes on would only lower the
    mean.
    """
    if record.sweep is None:
        return Covered({}, {})
    again = {each.seed: each.sweep for each in record.again if each.sweep and each.has_ended}
    searches = {record.space.budget.seed: record.sweep, **again}
    found = {seed: volumes_of(sweep, _DRAWS_SEED) for seed, sweep in searches.items()}
    return Covered({seed: _of_front(each) for seed, each in searches.items()}, _all(found))


def by_chosen(record: PairRecord) -> Covered:
    """The chosen member by itself, judged anew, by its trainings' seeds.

    Nothing before the first training has been judged, or where an objective was not measured.
    """
    objectives = record.space.objectives
    reports = {each.seed: each.report for each in record.finals if each.report is not None}
    if any(name not in report.metrics for report in reports.values() for name in objectives):
        return Covered({}, {})
    directions = list(objectives.values())
    points = {s: [each.metrics[name] for name in objectives] for s, each in reports.items()}
    corner = reference_point(directions)
    measured = {seed: hypervolume([point], corner, directions) for seed, point in points.items()}
    found = {seed: volumes_anew(each, objectives, _DRAWS_SEED) for seed, each in reports.items()}
    return Covered(measured, _all(found))


def _of_front(sweep: SweepRecord) -> float:
    """From the worst corner of shares."""
    directions = list(sweep.objectives.values())
    values = [trial.values or () for trial in front_of(sweep)]
    return hypervolume(values, reference_point(directions), directions)


def _all(found: Mapping[int, Volumes | None]) -> Mapping[int, Volumes]:
    known = {seed: volumes for seed, volumes in found.items() if volumes is not None}
    return known if len(known) == len(found) else {}
