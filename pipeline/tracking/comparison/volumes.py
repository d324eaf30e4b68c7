"""How sure hypervolumes are: over prompts by bootstrap, over seeds as `intervals` has it.

Prompts judge the trials of a search, and the chosen member anew; seeds are those of searches, or of
last trainings.

Legend: N trials, n prompts, M objectives, R resamples.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.config import Objective
from pipeline.evaluation.by_prompt import values_by_prompt
from pipeline.evaluation.intervals import Interval, luck_of_seeds
from pipeline.evaluation.measures import Floats
from pipeline.evaluation.report import Report
from pipeline.search.pareto import hypervolume, reference_point
from pipeline.search.places import REPORT
from pipeline.search.records import SweepRecord

_RESAMPLES: Final = 1000
_BOTH_ENDS: Final = (0.025, 0.975)


@dataclass(frozen=True)
class Volumes:
    """A hypervolume, or the mean or the difference of several, as measured and again and again.

    Attributes:
        measured: on all prompts.
        resampled: (R,) around it, each on prompts drawn anew; the r-th draw is the same for all
            searches of a target, so that two of them may be subtracted. Those of a mean are spread
            by what other seeds might have brought, too.
        count: values that they are made of, over trials, prompts and objectives.
    """

    measured: float
    resampled: Floats
    count: int

    def interval(self) -> Interval:
        """95 % of the draws."""
        return _interval(self.measured, self.resampled, self.count)

    def minus(self, other: Volumes) -> Volumes:
        """The difference, draw by draw.

        Two searches that fail on the same prompts are told apart by a smaller difference than
        their own intervals show.
        """
        return Volumes(self.measured - other.measured, self.resampled - other.resampled, self.count)


def mean_volumes(volumes: Collection[Volumes]) -> Volumes:
    """The mean over seeds, one or more, spread by what other seeds might have brought."""
    measured = np.array([each.measured for each in volumes])
    on_prompts = np.mean([each.resampled for each in volumes], axis=0)
    drawn = on_prompts + luck_of_seeds(measured, len(on_prompts))
    return Volumes(float(measured.mean()), drawn, sum(each.count for each in volumes))


def difference(own: Mapping[int, Volumes], other: Mapping[int, Volumes]) -> Interval | None:
    """What one method covers more than another, by the seeds that both have; None if there is none.

    Args:
        own: by seed.
        other: what is subtracted, seed by seed and prompt by prompt.
    """
    shared = [seed for seed in own if seed in other]
    if not shared:
        return None
    return mean_volumes([own[seed].minus(other[seed]) for seed in shared]).interval()


def volumes_of(sweep: SweepRecord, seed: int) -> Volumes | None:
    """Resample a search's hypervolume over the prompts.

    Args:
        sweep: the search.
        seed: of the draws.

    Returns:
        None where there is nothing to resample: no complete trial yet, one whose report was cleared
        away, or an objective without values prompt by prompt. A search that has ended without a
        complete trial covers nothing, whatever the prompts.

    Raises:
        ValueError: a report is damaged.
    """
    complete = [trial for trial in sweep.trials if trial.values is not None]
    if not complete and sweep.status == "finished":
        return Volumes(0.0, np.zeros(_RESAMPLES), 0)
    paths = [trial.folder / REPORT for trial in complete]
    if not paths or not all(path.is_file() for path in paths):
        return None
    measured = [trial.values or () for trial in complete]
    return _volumes([Report.load(path) for path in paths], measured, sweep.objectives, seed)


def volumes_anew(report: Report, objectives: Mapping[str, Objective], seed: int) -> Volumes | None:
    """Resample over the prompts what a chosen member covers by itself, judged anew.

    Args:
        report: the last judgement.
        objectives: metric -> direction.
        seed: of the draws.

    Returns:
        None where an objective was not measured in it, or has no values prompt by prompt.
    """
    if any(name not in report.metrics for name in objectives):
        return None
    return _volumes([report], [[report.metrics[name] for name in objectives]], objectives, seed)


def _volumes(
    reports: Sequence[Report],
    measured: Sequence[Sequence[float]],
    objectives: Mapping[str, Objective],
    seed: int,
) -> Volumes | None:
    values = [values_by_prompt(report) for report in reports]
    if not set(objectives) <= set(values[0]):
        return None
    tables = [np.stack([each[name] for each in values]) for name in objectives]
    directions = list(objectives.values())
    volume = hypervolume(measured, reference_point(directions), directions)
    resampled = resampled_volumes(tables, directions, seed)
    # The best of many trials on other prompts is luckier than the best on these: by as much as all
    # draws are above what was measured.
    centred = resampled - resampled.mean() + volume
    return Volumes(volume, centred, sum(table.size for table in tables))


def resampled_volumes(
    tables: Sequence[Floats],
    directions: Sequence[Objective],
    seed: int,
    resamples: int = _RESAMPLES,
) -> Floats:
    """The hypervolume of all trials on prompts drawn with replacement, front and all: (R,).

    What it cannot say: how another search would have ended. The trials are given; only what they
    are judged on is drawn.

    Args:
        tables: one (N, n) an objective; n may differ between objectives, which then are judged on
            different prompts. Those with the same n share their draws.
        directions: M.
        seed: of the draws, which depend on nothing else but the numbers of prompts.
        resamples: R.
    """
    columns = {
        prompts: np.random.default_rng([seed, prompts]).integers(prompts, size=(resamples, prompts))
        for prompts in {table.shape[1] for table in tables}
    }
    means = np.stack([table[:, columns[table.shape[1]]].mean(-1) for table in tables], axis=-1)
    corner = reference_point(directions)
    return np.array([hypervolume(means[:, draw], corner, directions) for draw in range(resamples)])


def _interval(value: float, resampled: Floats, count: int) -> Interval:
    low, high = np.quantile(resampled, _BOTH_ENDS)
    return Interval(value, float(low), float(high), count)
