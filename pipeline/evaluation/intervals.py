"""How sure a mean is: over prompts by bootstrap, over seeds by Student's t.

Of two or three seeds, drawing them with replacement would hold the mean of all seeds half and three
quarters of the time: half of all draws of two are one of them twice.

Legend: G trainings, n prompts, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from pipeline.evaluation.measures import Floats


@dataclass(frozen=True)
class Interval:
    """A mean and where it lies.

    Attributes:
        mean: of the whole table.
        low: lower end of the interval.
        high: upper end.
        count: values of all trainings together.
    """

    mean: float
    low: float
    high: float
    count: int


def bootstrap_interval(
    table: ArrayLike, seed: int, level: float = 0.95, resamples: int = 2000
) -> Interval:
    """Interval of the mean of a table: trainings by the prompts that judge all of them.

    Each resample draws n columns with replacement (percentile bootstrap, Efron and Tibshirani 1993,
    chapter 13) and adds to the mean of the table's G rows there what other trainings might have
    brought, see `luck_of_seeds`; the interval lies between the (1 - level) / 2 and (1 + level) / 2
    quantiles of the R sums. With one training it is over prompts alone.

    One draw of prompts serves all trainings: a prompt that is hard for one is mostly hard for all,
    so that three trainings on 24 prompts have seen 24 prompts and not 72.

    What it cannot say: a table without spread gives an interval without width, though the next
    picture may differ. And where trainings differ from prompt to prompt without any system, this
    counts once among trainings and once among prompts: the interval is then somewhat wide.

    Args:
        table: (G, n) values, a training a row, a prompt a column.
        seed: of the resampling; the same seed gives the same interval.
        level: share of resampled means that lie inside; between 0 and 1, both excluded.
        resamples: R; each training takes R x n numbers of memory for a while.

    Raises:
        ValueError: the table is empty, has another number of axes or is not finite, or `level` or
            `resamples` is out of range.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a share between 0 and 1, such as 0.95, got {level}")
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, got {resamples}")
    values = _checked(table)
    prompts = values.shape[1]
    columns = np.random.default_rng(seed).integers(prompts, size=(resamples, prompts))
    # (R, G): each training's mean over the prompts of each resample.
    means = np.stack([row[columns].mean(1) for row in values], axis=1)
    drawn = means.mean(1) + luck_of_seeds(values.mean(1), resamples)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    mean = float(np.mean([row.mean() for row in values]))
    return Interval(mean, float(low), float(high), values.size)


def luck_of_seeds(values: Floats, resamples: int) -> Floats:
    """What the mean of values, one a seed, might have been off by: (R,), symmetric around 0.

    The standard error of the mean times quantiles of Student's distribution with G - 1 degrees of
    freedom, evenly spaced and in an order of no meaning: were nothing else uncertain, the interval
    would be that of the t test (Student 1908), 12.7 standard errors to both sides for two seeds and
    4.3 for three. Nothing for one: it does not tell how another one would have ended.

    Args:
        values: (G,), one or more.
        resamples: R.
    """
    count = len(values)
    if count == 1:
        return np.zeros(resamples)
    quantiles: Floats = stats.t.ppf((np.arange(resamples) + 0.5) / resamples, count - 1)
    error = float(values.std(ddof=1)) / np.sqrt(count)
    luck: Floats = error * np.random.default_rng(0).permutation(quantiles)
    return luck


def _checked(table: ArrayLike) -> Floats:
    try:
        values = np.asarray(table, dtype=np.float64)
    except ValueError as error:
        raise ValueError(
            "expected a table of trainings by prompts, got rows of several lengths; judge all "
            "trainings on the same prompts"
        ) from error
    if values.ndim != 2 or values.size == 0:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"expected a table (G, n) with values in it, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("expected finite values, got nan or infinity; leave them out")
    return values
