"""The order at a rung: hand-made cases and named properties."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.config import Objective
from pipeline.search.halving import (
    epsilon_net_order,
    non_dominated_ranks,
    priority_order,
    verdict,
)
from pipeline.search.pareto import dominates

UP: Final[list[Objective]] = ["maximize", "maximize"]
MIXED: Final[list[Objective]] = ["maximize", "minimize", "maximize"]

numbers = st.integers(-50, 50).map(lambda n: n / 8)  # with ties, and exact under powers of two
or_nan = st.one_of(numbers, st.just(float("nan")))


@st.composite
def tables(draw: st.DrawFn, element: st.SearchStrategy[float] = numbers) -> NDArray[np.float64]:
    count = draw(st.integers(1, 12))
    rows = draw(st.lists(st.tuples(element, element, element), min_size=count, max_size=count))
    return np.array(rows)


def test_ranks_peel_one_front_after_another() -> None:
    values = np.array([[1, 0], [0, 1], [0.5, 0.5], [0.4, 0.4], [0.4, 0.3], [np.nan, 9]])
    assert non_dominated_ranks(values, UP).tolist() == [0, 0, 0, 1, 2, 3]


def test_a_net_begins_at_an_end_and_goes_where_nobody_is() -> None:
    # On a line: the best of the first objective, the other end, the middle, then the quarters.
    line = np.array([[i / 8, 1 - i / 8] for i in range(9)])
    assert epsilon_net_order(line).tolist()[:5] == [0, 8, 4, 2, 6]


def test_equal_rows_come_after_those_that_add_something() -> None:
    costs = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.9, 0.05]])
    assert epsilon_net_order(costs).tolist() == [0, 2, 3, 1]


def test_the_order_of_a_rung_by_hand() -> None:
    # A front of three, with its worst crowded one last; a second rank; one without a result.
    values = [[0.05, 0.05], [0.9, 0.1], [np.inf, 1], [0.1, 0.9], [0.85, 0.15]]
    assert priority_order(values, UP).tolist() == [1, 3, 4, 0, 2]
    assert priority_order(np.empty((0, 2)), UP).tolist() == []


def test_one_in_three_goes_on_once_three_have_come() -> None:
    rung: list[list[float]] = []
    heard = []
    for value in (0.1, 0.5, 0.3, 0.6, 0.55, 0.58, 0.7):
        rung.append([value, value])
        heard.append(verdict(rung, UP, 3, len(rung) - 1))
    assert [each.goes_on for each in heard] == [True, True, False, True, True, True, True]
    assert [each.place for each in heard] == [1, 1, 2, 1, 2, 2, 1]
    assert [each.of for each in heard] == [1, 2, 3, 4, 5, 6, 7]


def test_what_has_no_result_is_stopped() -> None:
    assert not verdict([[0.1, 0.1], [0.2, 0.2], [np.nan, 1]], UP, 3, 2).goes_on


def test_rows_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(ValueError, match="expected rows of 2 values"):
        priority_order([[1.0, 2.0, 3.0]], UP)


@given(tables(or_nan))
def test_the_order_is_a_permutation_with_results_first(values: NDArray[np.float64]) -> None:
    order = priority_order(values, MIXED)
    assert sorted(order.tolist()) == list(range(len(values)))
    finite = [bool(np.isfinite(values[row]).all()) for row in order]
    assert finite == sorted(finite, reverse=True)


@given(tables())
def test_no_row_comes_before_one_that_dominates_it(values: NDArray[np.float64]) -> None:
    place = {int(row): i for i, row in enumerate(priority_order(values, MIXED))}
    ranks = non_dominated_ranks(values, MIXED)
    for a in range(len(values)):
        for b in range(len(values)):
            if dominates(values[a], values[b], MIXED):
                assert place[a] < place[b]
                assert ranks[a] < ranks[b]


@given(tables(), st.tuples(*[st.integers(-30, 30)] * 3))
def test_the_order_does_not_depend_on_units(
    values: NDArray[np.float64], powers: tuple[int, int, int]
) -> None:
    scaled = values * np.exp2(np.array(powers, dtype=np.float64))
    assert priority_order(scaled, MIXED).tolist() == priority_order(values, MIXED).tolist()


@given(tables())
def test_rows_of_ranks_that_are_not_first_change_nothing_in_the_first(
    values: NDArray[np.float64],
) -> None:
    first = np.flatnonzero(non_dominated_ranks(values, MIXED) == 0)
    whole = priority_order(values, MIXED)[: len(first)]
    assert first[priority_order(values[first], MIXED)].tolist() == whole.tolist()


@given(tables())
@settings(max_examples=50)
def test_each_row_of_a_net_is_the_farthest_from_those_before(values: NDArray[np.float64]) -> None:
    order = epsilon_net_order(values)
    ranges = np.ptp(values, axis=0)
    points = values / np.where(ranges > 0, ranges, 1.0)

    def gap(row: int, chosen: NDArray[np.intp]) -> float:
        return min(float(np.linalg.norm(points[row] - points[each])) for each in chosen)

    for i in range(1, len(order)):
        mine = gap(order[i], order[:i])
        assert mine >= max(gap(row, order[:i]) for row in order[i:]) - 1e-9


def test_the_largest_numbers_have_an_order_too() -> None:
    assert epsilon_net_order(np.array([[1e308, -1e308], [-1e308, 1e308]])).tolist() == [1, 0]
