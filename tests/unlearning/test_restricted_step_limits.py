"""The restricted step by hand, and where gradients vanish, agree or are opposite."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch

from pipeline.unlearning.restricted_step import StepProducts, restricted_step
from tests.unlearning.restricted_step_cases import (
    ROUNDING,
    SCALES,
    SEEDS,
    Case,
    assert_same,
    draw,
    vectors,
)

NEARLY_SINGULAR = 2e-6
"""Gradients closer than 1e-6 to a line count as one line, so either may be off by that angle."""


@pytest.mark.parametrize(
    ("case", "multipliers", "step"),
    [
        # Only the forget loss would rise: s loses its part along f.
        (vectors([1, 0], [0, -1], [1, 1], [1, 1]), (1, 0), [0, 1]),
        # The same for the retain loss, of length 2.
        (vectors([-1, 0], [0, 2], [1, 3], [1, 1]), (0, 1.5), [1, 0]),
        # Both, and r is not normal to f: l_r 1 = 3, l_f - l_r = 1.
        (vectors([1, 0], [-1, 1], [1, 3], [1, 1]), (4, 3), [0, 0]),
        # Both in three dimensions, so that something is left.
        (vectors([1, 0, 0], [-1, 1, 0], [1, 3, -5], [1, 1, 1]), (4, 3), [0, 0, -5]),
        # <f, s> = 2 and <f, D f> = 5: s moves by 0.4 D f = (1.6, 0.4).
        (vectors([1, 1], [1, -1], [1, 1], [4, 1]), (0.4, 0), [-0.6, 0.6]),
        # Where both rise equally, with equal gradients, one multiplier does.
        (vectors([1, 0], [1, 0], [2, 1], [1, 1]), (2, 0), [0, 1]),
    ],
)
def test_hand_computed(case: Case, multipliers: tuple[float, float], step: list[float]) -> None:
    assert case.multipliers() == pytest.approx(multipliers)
    torch.testing.assert_close(case.restricted(), torch.tensor(step, dtype=torch.float64))


def test_a_hand_computed_margin() -> None:
    """Normal gradients: h = 1/2, |s| = 1, so each loss is to fall by m / 2."""
    case = vectors([1, 0], [0, 1], [1, 0], [1, 1])
    expected = torch.tensor([-0.1, -0.1], dtype=torch.float64)
    torch.testing.assert_close(case.restricted(margin=0.2), expected)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("margin", [0.0, 0.2])
@pytest.mark.parametrize("which", ["forget", "retain", "both"])
def test_a_zero_gradient_constrains_nothing(seed: int, which: str, margin: float) -> None:
    case, zero = draw(seed), torch.zeros(7, dtype=torch.float64)
    if which in ("forget", "both"):
        case = replace(case, forget=zero)
    if which in ("retain", "both"):
        case = replace(case, retain=zero)
    step = case.restricted(margin)
    assert max(case.rises(step), default=-1.0) <= -margin + ROUNDING
    if margin == 0 and max(case.rises(case.step), default=-1.0) <= 0:
        assert torch.equal(step, case.step)
    if which == "both":
        assert case.multipliers(margin) == (0.0, 0.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_parallel_gradients_leave_a_half_space(seed: int) -> None:
    case = draw(seed)
    case = replace(case, retain=3 * case.forget)
    alone = replace(case, retain=torch.zeros_like(case.retain))
    assert_same(case.restricted(), alone.restricted(), case)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_opposite_gradients_leave_their_hyperplane(seed: int, margin: float) -> None:
    """Nothing lowers both, so that a margin asks for nothing, and what is left of s is normal."""
    case = draw(seed)
    case = replace(case, retain=-2 * case.forget)
    f, d = case.forget, case.diagonal
    along = (f @ case.step) / (f @ (d * f)) * d * f
    assert_same(case.restricted(margin), case.step - along, case)


@pytest.mark.parametrize("difference", [10.0**-power for power in range(4, 15)])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_nearly_parallel_and_nearly_opposite_gradients(sign: float, difference: float) -> None:
    for seed, margin, scale in itertools.product(SEEDS, (0.0, 0.2), SCALES):
        case = draw(seed)
        case = replace(case, retain=scale * (sign * case.forget + difference * case.retain))
        step = case.restricted(margin)
        assert torch.isfinite(step).all()
        least = max(0.0, case.fall(margin))
        assert max(case.rises(step)) <= -least + NEARLY_SINGULAR
        if margin == 0:
            assert case.length(step) <= case.length(case.step) * (1 + NEARLY_SINGULAR)


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_no_step_stays_none(margin: float) -> None:
    case = draw(0)
    case = replace(case, step=torch.zeros_like(case.step))
    assert case.multipliers(margin) == (0.0, 0.0)


def test_products_that_rounding_puts_beyond_a_cosine_of_one() -> None:
    """Three reductions round on their own, so that |<f, D r>| may exceed |f| |r|."""
    for sign in (-1.0, 1.0):
        products = StepProducts(1.0, 1.0, sign * (1 + 1e-7), 0.5, -0.5 * sign, 1.0)
        assert all(math.isfinite(m) and m >= 0 for m in restricted_step(products, 0.1))
