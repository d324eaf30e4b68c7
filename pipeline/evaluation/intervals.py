"""How sure a mean is: bootstrap intervals over prompts and over training seeds.

Legend: G trainings, n prompts, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

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
    """Percentile bootstrap of the mean of a table: trainings by the prompts that judge all of them.

    Each resample draws G rows and n columns with replacement and takes the mean of where they
    cross; the interval lies between the (1 - level) / 2 and (1 + level) / 2 quantiles of the R
    means (Efron and Tibshirani 1993, chapter 13; for rows and columns Owen 2007, "The pigeonhole
    bootstrap", arXiv 0712.1111). With one training only prompts are drawn.

    One draw of prompts serves all trainings: a prompt that is hard for one is mostly hard for all,
    so that three trainings on 24 prompts have seen 24 prompts and not 72.

    What it cannot say: the spread between trainings is estimated from G of them and comes out short
    by about (G - 1) / G in variance, so that intervals over three training seeds are somewhat
    narrow; and a table without spread gives an interval without width, though the next picture may
    differ.

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
    trainings, prompts = values.shape
    generator = np.random.default_rng(seed)
    rows = generator.integers(trainings, size=(resamples, trainings))
    columns = generator.integers(prompts, size=(resamples, prompts))
    # (R, G): each training's mean over the prompts of each resample.
    means = np.stack([row[columns].mean(1) for row in values], axis=1)
    drawn = np.take_along_axis(means, rows, axis=1).mean(1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    mean = float(np.mean([row.mean() for row in values]))
    return Interval(mean, float(low), float(high), values.size)


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
