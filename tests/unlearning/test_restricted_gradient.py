"""Named properties of the restricted gradient over seeded gradients of many scales."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchjd.aggregation import PCGrad

from pipeline.unlearning.restricted_gradient import restricted_gradient

SCALES = (1e-10, 1e-3, 1.0, 1e5, 1e15)
SEEDS = range(8)
WEIGHTS = [(1.0, 0.0), (1.0, 0.3), (1.0, 5.0), (0.0, 1.0), (0.2, 0.8), (1e-8, 3.0), (40.0, 1e6)]
"""Of f and r: the paper's, one gradient alone, and what multi-objective rules come up with."""


def combined(
    forget: Tensor, retain: Tensor, retain_weight: float, forget_weight: float = 1.0
) -> Tensor:
    weights = (
        torch.tensor(forget_weight, dtype=forget.dtype),
        torch.tensor(retain_weight, dtype=forget.dtype),
    )
    onto_forget, onto_retain = restricted_gradient(
        forget @ forget, retain @ retain, forget @ retain, weights
    )
    return onto_forget * forget + onto_retain * retain


def draw(seed: int, scale: float, size: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    forget = torch.randn(size, generator=generator, dtype=torch.float64) * scale
    retain = torch.randn(size, generator=generator, dtype=torch.float64)
    return forget, retain


def assert_non_conflicting(update: Tensor, forget: Tensor, retain: Tensor) -> None:
    for gradient in (forget, retain):
        slack = 1e-9 * float(update.norm() * gradient.norm())
        assert float(update @ gradient) >= -slack


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_conflicts_with_neither_gradient(
    seed: int, scale: float, weights: tuple[float, float]
) -> None:
    forget, retain = draw(seed, scale)
    onto_forget, onto_retain = weights
    update = combined(forget, retain, onto_retain, onto_forget)
    assert_non_conflicting(update, forget, retain)


@pytest.mark.parametrize("seed", SEEDS)
def test_equals_torchjds_pcgrad_at_weight_one(seed: int) -> None:
    forget, retain = draw(seed, 1.0)
    oracle = PCGrad()(torch.stack([forget, retain]))
    torch.testing.assert_close(combined(forget, retain, 1.0), oracle)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_equals_the_weighted_sum_where_nothing_conflicts(
    seed: int, weights: tuple[float, float]
) -> None:
    forget, retain = draw(seed, 1.0)
    if forget @ retain < 0:
        retain = -retain
    a, b = weights
    torch.testing.assert_close(combined(forget, retain, b, a), a * forget + b * retain)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_is_the_two_projections_of_the_paper(seed: int, weights: tuple[float, float]) -> None:
    forget, retain = draw(seed, 1.0)
    conflict = min(float(forget @ retain), 0.0)
    projected_forget = forget - conflict / (retain @ retain) * retain
    projected_retain = retain - conflict / (forget @ forget) * forget
    a, b = weights
    expected = a * projected_forget + b * projected_retain
    torch.testing.assert_close(combined(forget, retain, b, a), expected)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_scales_with_the_weights(seed: int, weights: tuple[float, float]) -> None:
    forget, retain = draw(seed, 1.0)
    a, b = weights
    update = combined(forget, retain, b, a)
    for factor in (1e-10, 1e10):
        torch.testing.assert_close(
            combined(forget, retain, factor * b, factor * a), factor * update, rtol=1e-9, atol=0
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_one_gradient_alone_is_projected_off_the_other(seed: int) -> None:
    forget, retain = draw(seed, 1.0)
    if forget @ retain > 0:
        retain = -retain
    for weights, other in (((1.0, 0.0), retain), ((0.0, 1.0), forget)):
        a, b = weights
        assert float(combined(forget, retain, b, a) @ other) == pytest.approx(0, abs=1e-12)


def test_hand_computed_conflict() -> None:
    forget, retain = torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 1.0])
    # c = -1, so d_f = f + r/2 = (0.5, 0.5) and d_r = r + f = (0, 1).
    torch.testing.assert_close(combined(forget, retain, 2.0), torch.tensor([0.5, 2.5]))
    torch.testing.assert_close(combined(forget, retain, 3.0, 4.0), torch.tensor([2.0, 5.0]))


@pytest.mark.parametrize("which", ["forget", "retain", "both"])
def test_a_zero_gradient_leaves_the_other_one(which: str) -> None:
    forget, retain = draw(0, 1.0)
    if which in ("forget", "both"):
        forget = torch.zeros_like(forget)
    if which in ("retain", "both"):
        retain = torch.zeros_like(retain)
    torch.testing.assert_close(combined(forget, retain, 3.0), forget + 3.0 * retain)


def test_opposite_gradients_cancel() -> None:
    forget, _ = draw(0, 1.0)
    update = combined(forget, -2.0 * forget, 1.0)
    torch.testing.assert_close(update, torch.zeros_like(update), atol=1e-12, rtol=0)
