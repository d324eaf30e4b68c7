"""Pareto mathematics on plain arrays: who dominates whom, the front, and how much it covers.

Legend: N trials, M objectives. Values are taken as they were measured; a direction for each
objective says whether more is better. A row with NaN or infinity is a trial without a result: it
dominates nothing and is never on the front.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.config.experiment import Objective

Floats = NDArray[np.float64]


def dominates(
    a: Sequence[float] | Floats, b: Sequence[float] | Floats, directions: Sequence[Objective]
) -> bool:
    """Whether `a` (M,) is at least as good as `b` (M,) everywhere and better somewhere.

    Raises:
        ValueError: `a` or `b` doesn't have one value a direction.
    """
    costs_a, costs_b = _costs(np.array([a]), directions)[0], _costs(np.array([b]), directions)[0]
    return bool(np.all(costs_a <= costs_b) and np.any(costs_a < costs_b))


def front_mask(values: ArrayLike, directions: Sequence[Objective]) -> NDArray[np.bool_]:
    """Which rows of `values` (N, M) no other row dominates: (N,) of bool.

    Equal rows are on the front together.

    Raises:
        ValueError: a row doesn't have one value a direction.
    """
    costs = _costs(values, directions)
    mask: NDArray[np.bool_] = np.asarray(np.isfinite(costs).all(axis=1))
    finite = costs[mask]
    on_front = np.ones(len(finite), dtype=bool)
    # In this order whatever dominates a row comes before it: a row that is reached is on the front.
    for i in np.lexsort(finite.T):
        if on_front[i]:
            row = finite[i]
            on_front &= ~((row <= finite).all(axis=1) & (row < finite).any(axis=1))
    mask[mask] = on_front
    return mask


def reference_point(directions: Sequence[Objective]) -> tuple[float, ...]:
    """The worst corner of shares and accuracies: 0 where more is better, 1 where less is."""
    return tuple(0.0 if direction == "maximize" else 1.0 for direction in directions)


def hypervolume(values: ArrayLike, reference: ArrayLike, directions: Sequence[Objective]) -> float:
    """The volume that `values` (N, M) dominate and that itself dominates `reference` (M,).

    Rows that aren't better than the reference in every objective cover nothing. Zitzler and
    Thiele (1998) call it the size of the space covered; it is computed by slicing along the last
    objective, exactly, in O(N^(M-1) log N).

    Raises:
        ValueError: a row or the reference doesn't have one value a direction.
    """
    corner = _costs(np.array([reference]), directions)[0]
    costs = _costs(values, directions)
    inside = np.isfinite(costs).all(axis=1) & (costs < corner).all(axis=1)
    return _volume(costs[inside], corner)


def hypervolume_history(
    values: ArrayLike, reference: Sequence[float] | Floats, directions: Sequence[Objective]
) -> Floats:
    """The hypervolume after each row of `values` (N, M), in their order: (N,), never falling."""
    costs = _costs(values, directions)
    corner = _costs(np.array([reference]), directions)[0]
    history = np.zeros(len(costs))
    covered = 0.0
    front = costs[:0]  # of the rows so far that cover anything
    for i, row in enumerate(costs):
        if np.isfinite(row).all() and (row < corner).all() and not (front <= row).all(axis=1).any():
            front = np.concatenate([front[(front < row).any(axis=1)], row[None]])
            covered = _volume(front, corner)
        history[i] = covered
    return history


def _costs(values: ArrayLike, directions: Sequence[Objective]) -> Floats:
    """`values` with the signs turned so that less is better in every column."""
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return np.empty((0, len(directions)))
    if array.ndim != 2 or array.shape[1] != len(directions):  # noqa: PLR2004
        raise ValueError(
            f"expected rows of {len(directions)} values, one for each of {list(directions)}, "
            f"got an array of shape {array.shape}"
        )
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    costs: Floats = array * signs
    return costs


def _volume(costs: Floats, corner: Floats) -> float:
    """Volume between `costs` (N, M), all below `corner` (M,), and the corner."""
    if len(costs) == 0:
        return 0.0
    if len(corner) == 1:
        return float(corner[0] - costs.min())
    costs = costs[np.argsort(costs[:, -1], kind="stable")]
    # Between two neighbouring values of the last objective the cross-section is the same: that
    # of all the points up to the lower one.
    ends = np.append(costs[1:, -1], corner[-1])
    heights = ends - costs[:, -1]
    if len(corner) == 2:  # noqa: PLR2004
        widths = corner[0] - np.minimum.accumulate(costs[:, 0])
        return float(widths @ heights)
    return sum(
        float(height) * _volume(costs[: i + 1, :-1], corner[:-1])
        for i, height in enumerate(heights)
        if height > 0
    )
