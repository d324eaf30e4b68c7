"""How sure a mean is: bootstrap intervals over pictures and over training seeds.

Legend: G groups (training seeds), of n_g values each (one a picture); R resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.measures import Floats


@dataclass(frozen=True)
class Interval:
    """A mean and where it lies.

    Attributes:
        mean: of the groups' means.
        low: lower end of the interval.
        high: upper end.
        count: values of all groups together.
    """

    mean: float
    low: float
    high: float
    count: int


def bootstrap_interval(
    groups: Sequence[Floats], seed: int, level: float = 0.95, resamples: int = 2000
) -> Interval:
    """Percentile bootstrap of a mean over groups that count alike, whatever their size.

    Each resample draws G groups with replacement, then from each as many of its values as it has,
    with replacement, and takes the mean of the G means; the interval lies between the
    (1 - level) / 2 and (1 + level) / 2 quantiles of the R means (Efron and Tibshirani 1993,
    chapter 13; for groups, Davison and Hinkley 1997, section 3.8). With one group only values are
    drawn.

    What it cannot say: the spread between groups is estimated from G of them and comes out short by
    about (G - 1) / G in variance, so that intervals over three training seeds are somewhat narrow;
    and a sample without spread gives an interval without width, though the next picture may differ.

    Args:
        groups: (n_g,) values of each group.
        seed: of the resampling; the same seed gives the same interval.
        level: share of resampled means that lie inside; between 0 and 1, both excluded.
        resamples: R; one group takes R x n_g numbers of memory at once.

    Raises:
        ValueError: there is no group, one is empty, not flat or not finite, or `level` or
            `resamples` is out of range.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a share between 0 and 1, such as 0.95, got {level}")
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, got {resamples}")
    if len(groups) == 0:
        raise ValueError("expected at least one group of values, got none")
    samples = [_checked(values, number) for number, values in enumerate(groups)]
    generator = np.random.default_rng(seed)
    drawn = generator.integers(len(samples), size=(resamples, len(samples)))
    means = np.empty(drawn.shape)
    for number, values in enumerate(samples):
        chosen = drawn == number
        size = (int(chosen.sum()), len(values))
        means[chosen] = values[generator.integers(len(values), size=size)].mean(1)
    low, high = np.quantile(means.mean(1), [(1 - level) / 2, (1 + level) / 2])
    mean = float(np.mean([values.mean() for values in samples]))
    return Interval(mean, float(low), float(high), sum(map(len, samples)))


def _checked(values: Floats, number: int) -> Floats:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or len(sample) == 0:
        raise ValueError(f"group {number}: expected (n,) values, n > 0, got {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError(f"group {number}: expected finite values, got nan or infinity; leave out")
    return sample
