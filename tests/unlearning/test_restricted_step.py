"""Named properties of the restricted step, over seeded cases of many shapes and scales."""

from __future__ import annotations

import itertools
from dataclasses import replace

import cvxpy
import pytest
import torch

from tests.unlearning.restricted_step_cases import (
    KINDS,
    ROUNDING,
    SCALES,
    SEEDS,
    Case,
    assert_same,
    draw,
)


def scaled(case: Case, forget: float, retain: float, step: float, diagonal: float) -> Case:
    return Case(
        case.forget * forget, case.retain * retain, case.step * step, case.diagonal * diagonal
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_conflicts_with_neither_loss_at_any_scale(seed: int, kind: str) -> None:
    drawn = draw(seed, kind)
    for scales in itertools.product(SCALES, repeat=4):
        case = scaled(drawn, *scales)
        assert max(case.rises(case.restricted())) <= ROUNDING


def test_the_proposed_steps_often_do_conflict() -> None:
    cases = [draw(seed, kind) for seed in SEEDS for kind in KINDS]
    violated = [sum(rise > 0 for rise in case.rises(case.step)) for case in cases]
    active = [sum(m > 0 for m in case.multipliers()) for case in cases]
    assert {0, 1, 2} <= set(violated)
    assert set(active) == {0, 1, 2}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_an_allowed_step_is_left_as_it_is(seed: int, kind: str) -> None:
    case = draw(seed, kind)
    forget, retain = (g * -torch.sign(g @ case.step) for g in (case.forget, case.retain))
    case = replace(case, forget=forget, retain=retain)
    assert max(case.rises(case.step)) < 0
    assert case.multipliers() == (0.0, 0.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_is_idempotent(seed: int, kind: str) -> None:
    case = draw(seed, kind)
    once = case.restricted()
    assert_same(replace(case, step=once).restricted(), once, case)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_scales_with_the_step_and_with_nothing_else(seed: int, kind: str, margin: float) -> None:
    case = draw(seed, kind)
    expected = case.restricted(margin)
    for factor in SCALES:
        longer = scaled(case, 1, 1, factor, 1)
        assert_same(longer.restricted(margin), factor * expected, longer)
        for factors in ((factor, 1, 1, 1), (1, factor, 1, 1), (1, 1, 1, factor)):
            assert_same(scaled(case, *factors).restricted(margin), expected, case)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_is_never_longer_than_the_proposed_step(seed: int, kind: str) -> None:
    drawn = draw(seed, kind)
    for scales in itertools.product(SCALES[::2], repeat=4):
        case = scaled(drawn, *scales)
        assert case.length(case.restricted()) <= case.length(case.step) * (1 + ROUNDING)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("margin", [0.01, 0.3, 0.9])
def test_with_a_margin_each_loss_falls_by_it(seed: int, kind: str, margin: float) -> None:
    case = draw(seed, kind)
    assert max(case.rises(case.restricted(margin))) <= -case.fall(margin) + ROUNDING
    assert case.fall(margin) > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_equals_a_quadratic_programming_solver(seed: int, kind: str, margin: float) -> None:
    """In y = s / sqrt(D), where the metric is the plain one."""
    case = draw(seed, kind, size=2 + seed)
    root = case.diagonal.sqrt()
    step = cvxpy.Variable(len(root))
    least = case.fall(margin) * case.length(case.step)
    problem = cvxpy.Problem(
        cvxpy.Minimize(cvxpy.sum_squares(step - (case.step / root).numpy())),
        [
            (gradient * root / case.norm(gradient)).numpy() @ step <= -least
            for gradient in (case.forget, case.retain)
        ],
    )
    problem.solve(solver=cvxpy.CLARABEL)
    assert problem.status == cvxpy.OPTIMAL
    oracle = torch.as_tensor(step.value) * root
    assert case.length(case.restricted(margin) - oracle) <= 1e-5 * case.length(case.step)
