"""How sure the hypervolumes of searches are: bootstrap over prompts, and over searches.

Prompts judge the trials of every search; of searches there is more than one where a comparison
asks for other seeds (`search_again`).

Legend: N trials, n prompts, M objectives, R resamples, S searches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.config import Objective
from pipeline.evaluation.by_prompt import values_by_prompt
from pipeline.evaluation.intervals import Interval
from pipeline.evaluation.measures import Floats
from pipeline.evaluation.report import Report
from pipeline.search.pareto import hypervolume, reference_point
from pipeline.search.places import REPORT
from pipeline.search.records import SweepRecord

_RESAMPLES: Final = 1000
_BOTH_ENDS: Final = (0.025, 0.975)


@dataclass(frozen=True)
class Volumes:
    """The hypervolume of a search, or the mean of several, as measured and again and again.

    Attributes:
        measured: on all prompts.
        resampled: (R,), each on prompts drawn anew; the r-th draw is the same for all searches of
            a target, so that two of them may be subtracted.
        count: values that they are made of, over trials, prompts and objectives.
    """

    measured: float
    resampled: Floats
    count: int

    def interval(self) -> Interval:
        """95 % of the draws."""
        return _interval(self.measured, self.resampled, self.count)

    def minus(self, other: Volumes) -> Interval:
        """95 % of the differences, draw by draw.

        Two searches that fail on the same prompts are told apart by a smaller difference than
        their own intervals show.
        """
        difference = self.measured - other.measured
        return _interval(difference, self.resampled - other.resampled, self.count)


def mean_volumes(searches: Sequence[Volumes], seed: Sequence[int]) -> Volumes:
    """The mean of a method's searches on a target, with searches drawn with replacement too.

    The r-th draw has the same prompts for all searches of a target, and searches of its own.
    With few searches the draws differ less than other searches would: by a factor of
    sqrt(1 - 1/S) in their part of it.

    Args:
        searches: S, at least one; of a single one it is what comes back.
        seed: of the draws of searches, another one for every method.
    """
    if len(searches) == 1:
        return searches[0]
    resampled = np.stack([each.resampled for each in searches])
    drawn = np.random.default_rng(seed).integers(len(searches), size=resampled.shape)
    means = np.take_along_axis(resampled, drawn, axis=0).mean(axis=0)
    measured = sum(each.measured for each in searches) / len(searches)
    return Volumes(measured, means, sum(each.count for each in searches))


def volumes_of(sweep: SweepRecord, seed: int) -> Volumes | None:
    """Resample a search's hypervolume over the prompts.

    Args:
        sweep: the search.
        seed: of the draws.

    Returns:
        None where there is nothing to resample: no complete trial, one whose report was cleared
        away, or an objective without values prompt by prompt.

    Raises:
        ValueError: a report is damaged.
    """
    complete = [trial for trial in sweep.trials if trial.values is not None]
    paths = [trial.folder / REPORT for trial in complete]
    if not paths or not all(path.is_file() for path in paths):
        return None
    values = [values_by_prompt(Report.load(path)) for path in paths]
    if not set(sweep.objectives) <= set(values[0]):
        return None
    tables = [np.stack([each[name] for each in values]) for name in sweep.objectives]
    directions = list(sweep.objectives.values())
    measured = hypervolume(
        [trial.values or () for trial in complete],
        reference_point(directions),
        directions,
    )
    resampled = resampled_volumes(tables, directions, seed)
    return Volumes(measured, resampled, sum(table.size for table in tables))


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
