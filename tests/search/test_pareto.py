"""Dominance, fronts and hypervolumes against brute force and Optuna's implementation."""

from __future__ import annotations

import itertools
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optuna._hypervolume import compute_hypervolume

from pipeline.config import Objective
from pipeline.search.pareto import (
    Floats,
    dominates,
    front_mask,
    hypervolume,
    hypervolume_history,
    reference_point,
)

# Few distinct numbers, so that ties and equal rows are frequent.
GRID = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


@st.composite
def problems(draw: st.DrawFn, most: int = 12) -> tuple[Floats, list[Objective]]:
    objectives = draw(st.integers(1, 4))
    rows = draw(st.integers(0, most))
    values = draw(arrays(np.float64, (rows, objectives), elements=GRID))
    directions = draw(
        st.lists(st.sampled_from(get_args(Objective)), min_size=objectives, max_size=objectives)
    )
    return values, directions


@given(problems())
def test_the_front_is_what_no_other_row_dominates(problem: tuple[Floats, list[Objective]]) -> None:
    values, directions = problem
    expected = [not any(dominates(other, row, directions) for other in values) for row in values]
    assert front_mask(values, directions).tolist() == expected


@given(problems())
def test_dominance_is_strict_and_transitive(problem: tuple[Floats, list[Objective]]) -> None:
    values, directions = problem
    for row in values:
        assert not dominates(row, row, directions)
    for a, b, c in itertools.product(values[:6], repeat=3):
        if dominates(a, b, directions) and dominates(b, c, directions):
            assert dominates(a, c, directions)


def test_dominance_respects_directions() -> None:
    assert dominates([0.9, 0.1], [0.8, 0.1], ["maximize", "minimize"])
    assert not dominates([0.9, 0.2], [0.8, 0.1], ["maximize", "minimize"])
    assert dominates([0.9, 0.1], [0.8, 0.2], ["maximize", "minimize"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_without_a_result_are_never_on_the_front_and_cover_nothing(bad: float) -> None:
    values = np.array([[bad, 1.0], [0.5, 0.5], [1.0, bad]])
    directions: list[Objective] = ["maximize", "maximize"]
    assert front_mask(values, directions).tolist() == [False, True, False]
    assert hypervolume(values, [0, 0], directions) == pytest.approx(0.25)


@given(problems())
def test_hypervolume_equals_optunas(problem: tuple[Floats, list[Objective]]) -> None:
    values, directions = problem
    reference = reference_point(directions)
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    # Optuna's is only defined for points that are not beyond the reference.
    expected = (
        compute_hypervolume(values * signs, np.array(reference) * signs) if len(values) else 0
    )
    assert hypervolume(values, reference, directions) == pytest.approx(expected, abs=1e-12)


@given(problems(most=6), st.integers(0, 2**32 - 1))
def test_hypervolume_equals_the_share_of_sampled_points_that_are_dominated(
    problem: tuple[Floats, list[Objective]], seed: int
) -> None:
    values, directions = problem
    samples = np.random.default_rng(seed).random((4000, len(directions)))
    better = np.array([direction == "maximize" for direction in directions])
    covered = np.zeros(len(samples), dtype=bool)
    for row in values:
        covered |= np.where(better, samples < row, samples > row).all(axis=1)
    volume = hypervolume(values, reference_point(directions), directions)
    assert volume == pytest.approx(covered.mean(), abs=0.05)


def test_rows_beyond_the_reference_cover_nothing() -> None:
    assert hypervolume([[0.5, -0.1], [-1.0, 0.9]], [0, 0], ["maximize", "maximize"]) == 0


@given(problems())
def test_history_is_the_hypervolume_of_every_beginning(
    problem: tuple[Floats, list[Objective]],
) -> None:
    values, directions = problem
    reference = reference_point(directions)
    history = hypervolume_history(values, reference, directions)
    expected = [hypervolume(values[: i + 1], reference, directions) for i in range(len(values))]
    assert history.tolist() == pytest.approx(expected, abs=1e-12)
    assert (np.diff(history) >= -1e-12).all()


def test_a_first_row_without_a_result_starts_the_history_at_zero() -> None:
    values = [[np.nan, 0.5], [0.5, 0.5]]
    history = hypervolume_history(values, [0, 0], ["maximize", "maximize"])
    assert history.tolist() == [0, 0.25]


def test_rows_of_the_wrong_width_are_refused() -> None:
    with pytest.raises(ValueError, match="expected rows of 2 values"):
        front_mask([[1.0, 2.0, 3.0]], ["maximize", "minimize"])
