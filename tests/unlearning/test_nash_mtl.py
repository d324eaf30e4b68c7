"""The bargaining solution against its equation, a direct maximisation, and torchjd's solver."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchjd.aggregation import NashMTL

from pipeline.unlearning.nash_mtl import nash_weights

SEEDS = range(6)


def draw(seed: int, ratio: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    both = torch.randn(2, 7, generator=generator, dtype=torch.float64)
    return both * torch.tensor([[ratio], [1.0]], dtype=torch.float64)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ratio", [1e-10, 1e-5, 1e-2, 1.0, 1e2, 1e5, 1e10])
def test_every_gain_is_one_over_its_weight(seed: int, ratio: float) -> None:
    both = draw(seed, ratio)
    gramian = both @ both.T
    weights = nash_weights(gramian)
    torch.testing.assert_close(
        (gramian @ weights) * weights, torch.ones(2, dtype=torch.float64), rtol=1e-6, atol=0
    )
    assert bool((weights > 0).all())
    # So that the update's squared length is the number of gradients.
    assert float((weights @ both).square().sum()) == pytest.approx(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_maximises_the_product_of_gains_on_the_circle(seed: int) -> None:
    both = draw(seed)
    first = both[0] / both[0].norm()
    second = both[1] - (both[1] @ first) * first
    second /= second.norm()
    angles = torch.linspace(0, 2 * math.pi, 400_001, dtype=torch.float64)
    circle = torch.outer(angles.cos(), first) + torch.outer(angles.sin(), second)
    gains = circle @ both.T
    utility = torch.where((gains > 0).all(1), gains.prod(1), 0.0)
    best = circle[utility.argmax()]
    update = nash_weights(both @ both.T) @ both
    torch.testing.assert_close(update / update.norm(), best, rtol=0, atol=1e-4)


@pytest.mark.filterwarnings("ignore:You are solving a parameterized problem:UserWarning")
def test_it_is_torchjds_wherever_that_converges() -> None:
    converged = 0
    for seed in range(12):
        both = draw(seed)
        gramian = both @ both.T
        oracle = NashMTL(n_tasks=2, max_norm=0.0).weighting(both)
        if torch.allclose(gramian @ oracle, 1 / oracle, rtol=1e-2):
            converged += 1
            torch.testing.assert_close(nash_weights(gramian), oracle, rtol=1e-2, atol=0)
    assert converged >= 10


@pytest.mark.parametrize("length", [1e-3, 1.0, 1e3])
def test_opposite_gradients_leave_nothing_to_gain(length: float) -> None:
    forget = torch.ones(4, dtype=torch.float64)
    both = torch.stack([forget, -length * forget])
    weights = nash_weights(both @ both.T)
    assert bool(weights.isfinite().all())
    assert float((weights @ both).norm()) < 1e-6 * float(both.norm())
