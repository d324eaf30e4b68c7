"""Which trials go on at a rung: asynchronous successive halving for several objectives.

Schmucker, Donini, Zafar, Salinas and Archambeau (2021), Multi-objective Asynchronous Successive
Halving (arXiv 2106.12639): trials at a rung are ordered by non-dominated sorting, those of one rank
by an epsilon-net, which spreads over the front; the first 1 / reduction of them go on. A trial is
judged when it arrives, against those that have been there, and is not taken up again later.

Legend: N trials at a rung, M objectives, as in `pareto`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.config.experiment import Objective
from pipeline.search.pareto import Floats, front_mask

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Verdict:
    """What a rung says to a trial.

    Attributes:
        goes_on: whether its training does.
        place: among the trials at the rung, from 1, which is the best.
        of: trials at the rung, itself included.
    """

    goes_on: bool
    place: int
    of: int


def verdict(
    values: ArrayLike, directions: Sequence[Objective], reduction: int, newest: int
) -> Verdict:
    """Whether the trial that has just come to a rung is among the first ceil(N / reduction).

    The first reduction - 1 trials at a rung have too few to be compared with, and go on.

    Args:
        values: (N, M), one row a trial that has come to the rung, this one included.
        directions: M of them.
        reduction: of how many trials one goes on; 2 or more.
        newest: row of this trial.

    Raises:
        ValueError: a row doesn't have one value a direction.
    """
    order = priority_order(values, directions)
    place, count = order.tolist().index(newest), len(order)
    goes_on = count < reduction or place < math.ceil(count / reduction)
    return Verdict(goes_on, place + 1, count)


def priority_order(values: ArrayLike, directions: Sequence[Objective]) -> Rows:
    """Rows of `values` (N, M), the most promising first: (N,).

    By rank, and within a rank as `epsilon_net_order` says. It is the same for objectives in other
    units, and whatever dominates a row comes before it. Rows with NaN or infinity come last, in
    their order.

    Raises:
        ValueError: a row doesn't have one value a direction.
    """
    ranks = non_dominated_ranks(values, directions)
    array = np.asarray(values, dtype=np.float64).reshape(len(ranks), len(directions))
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    finite = np.isfinite(array).all(axis=1)
    ordered = [np.flatnonzero(~finite)]
    for rank in sorted(set(ranks[finite].tolist()), reverse=True):
        rows = np.flatnonzero(finite & (ranks == rank))
        ordered.append(rows[epsilon_net_order(array[rows] * signs)])
    return np.concatenate(ordered[::-1])


def non_dominated_ranks(values: ArrayLike, directions: Sequence[Objective]) -> NDArray[np.int64]:
    """Of each row of `values` (N, M), how many fronts have to go before it is on one: (N,), from 0.

    Rows with NaN or infinity have the rank after all others.

    Raises:
        ValueError: a row doesn't have one value a direction.
    """
    array = np.asarray(values, dtype=np.float64)
    ranks = np.zeros(len(array), dtype=np.int64)
    left = np.arange(len(array))
    rank = 0
    while len(left):
        front = front_mask(array[left], directions)
        if not front.any():  # nothing finite is left
            front[:] = True
        ranks[left[front]] = rank
        left = left[~front]
        rank += 1
    return ranks


def epsilon_net_order(costs: Floats) -> Rows:
    """Rows of `costs` (N, M), finite and less is better, so that any first few lie far apart: (N,).

    Each objective is divided by its range over the N rows; one that is the same in all of them
    counts nothing. The order begins with the row that is best in the first objective (of equal
    ones in the next); each further row is the one whose nearest predecessor is farthest, in
    Euclidean distance. Of equals the lower row comes first.
    """
    if len(costs) == 0:
        return np.zeros(0, dtype=np.intp)
    # Halved before the subtraction, so that the range of the largest numbers is no infinity.
    lowest, highest = costs.min(axis=0) / 2, costs.max(axis=0) / 2
    spread = np.where(highest > lowest, highest - lowest, 1.0)
    points = (costs / 2 - lowest) / spread
    # `lexsort` takes its last key first, and is stable.
    order = [int(np.lexsort(costs.T[::-1])[0])]
    nearest = np.full(len(costs), np.inf)
    for _ in range(len(costs) - 1):
        nearest = np.minimum(nearest, np.linalg.norm(points - points[order[-1]], axis=1))
        nearest[order] = -1.0
        order.append(int(nearest.argmax()))
    return np.array(order, dtype=np.intp)
