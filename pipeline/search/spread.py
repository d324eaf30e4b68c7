"""First trials that lie evenly in a space: Sobol's sequence, scrambled (Owen 1998).

Drawn independently, a handful of trials leaves much of a space out by chance, and what a sampler
learns from them depends on it. A point depends on the seed and its place in the sequence alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)


def spread(space: Mapping[str, BaseDistribution], seed: int, place: int) -> dict[str, Any]:
    """A value for each distribution: point `place`, from 0, of the sequence that `seed` gives.

    Raises:
        TypeError: a distribution is no float, int or choice.
    """
    if not space:
        return {}
    from scipy.stats.qmc import Sobol

    points = Sobol(len(space), scramble=True, rng=np.random.default_rng(seed))
    if place:
        points.fast_forward(place)  # by 0 it fails
    (point,) = points.random(1)
    return {name: _at(space[name], float(u)) for name, u in zip(space, point, strict=True)}


def _at(distribution: BaseDistribution, share: float) -> Any:
    """The value below which lies a `share`, in [0, 1), of a distribution."""
    match distribution:
        case FloatDistribution(low=low, high=high, log=log):
            return min(_between(low, high, share, log=log), high)
        case IntDistribution(low=low, high=high, log=log):
            # Each whole number has what lies within half a step of it; equal parts, unless `log`.
            return min(max(round(_between(low - 0.5, high + 0.5, share, log=log)), low), high)
        case CategoricalDistribution(choices=choices):
            return choices[int(share * len(choices))]
        case _:
            raise TypeError(f"expected a float, an int or a choice, got {distribution}")


def _between(low: float, high: float, share: float, *, log: bool) -> float:
    if log:
        return math.exp(_between(math.log(low), math.log(high), share, log=False))
    return low + (high - low) * share
