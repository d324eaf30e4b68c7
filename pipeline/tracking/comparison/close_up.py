"""Which part of a plot of fronts deserves a closer look."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.config import Objective
from pipeline.search.pareto import Floats

_MARGIN: Final = 0.3  # of the shown gap, on the side of the worse values; half of it on the other
_WORTH_IT: Final = 0.25  # share of the whole plot's area above which nothing is gained
_IN_THE_CORNER: Final = 0.5  # share of the whole plot's extent that a front's gap is at most
_LEAST_GAP: Final = 0.002
_SHARES: Final = (0.75, 0.5)
"""Share of the fronts that reach into the corner, the first that is worth it."""


@dataclass(frozen=True)
class Window:
    """Limits of both axes."""

    x: tuple[float, float]
    y: tuple[float, float]


def close_up(
    fronts: Sequence[Floats],
    directions: tuple[Objective, Objective] | None,
    base: tuple[float, float] | None = None,
) -> Window | None:
    """The corner of the best values, large enough for most of the fronts to reach in.

    A front reaches into a corner by its member that is nearest to the best value of both axes.

    Args:
        fronts: (N, 2) each.
        directions: of both axes; None where the first is none to be better on.
        base: what else the plot shows.

    Returns:
        None where the plot shows it well enough as it is.
    """
    if directions is None or not fronts:
        return None
    signs = np.array([1.0 if way == "maximize" else -1.0 for way in directions])
    # From here on more is better.
    turned = [front * signs for front in fronts]
    best = np.concatenate(turned).max(axis=0)
    everything = np.concatenate([*turned, *([] if base is None else [np.array([base]) * signs])])
    scale = np.maximum(np.ptp(everything, axis=0), _LEAST_GAP)
    gaps = sorted((_nearest(best - front, scale) for front in turned), key=_worst(scale))
    for share in _SHARES:
        reached = gaps[: math.ceil(share * len(gaps))]
        gap = np.maximum(np.max(reached, axis=0), _LEAST_GAP)
        low, high = best - gap * (1 + _MARGIN), best + gap * _MARGIN / 2
        area = float(np.prod(np.minimum((high - low) / scale, 1.0)))
        if area <= _WORTH_IT and _worst(scale)(reached[-1]) <= _IN_THE_CORNER:
            ends = np.sort(np.stack([low * signs, high * signs]), axis=0)
            (left, bottom), (right, top) = ends.tolist()
            return Window((left, right), (bottom, top))
    return None


def _worst(scale: Floats) -> Callable[[Floats], float]:
    """The larger one of a gap's parts, as shares of what the plot shows."""
    return lambda gap: float((gap / scale).max())


def _nearest(gaps: Floats, scale: Floats) -> Floats:
    """Of a front's gaps (N, 2) to the best values, those of the member with the least worst one."""
    row: Floats = gaps[np.argmin((gaps / scale).max(axis=1))]
    return row
