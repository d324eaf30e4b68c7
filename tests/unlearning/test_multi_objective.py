"""Each rule against the condition by which its paper defines it, over many scales and angles."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torchjd.aggregation import IMTLG

from pipeline.unlearning.multi_objective import Rule, multi_objective_weights

RULES: tuple[Rule, ...] = ("mgda", "cagrad", "upgrad", "nash_mtl", "imtl_g")
RATIOS = (1e-10, 1e-4, 1e-2, 1.0, 30.0, 1e5, 1e10)
SEEDS = range(6)
RADIUS = 0.4

cases = pytest.mark.parametrize(("seed", "ratio"), list(itertools.product(SEEDS, RATIOS)))


def draw(seed: int, ratio: float) -> tuple[Tensor, Tensor]:
    """Two gradients, every second pair in conflict; the first is `ratio` times as long."""
    generator = torch.Generator().manual_seed(seed)
    forget = torch.randn(7, generator=generator, dtype=torch.float64)
    retain = torch.randn(7, generator=generator, dtype=torch.float64)
    if (forget @ retain < 0) != (seed % 2 == 0):
        retain = -retain
    return forget * ratio, retain


def gramian_of(forget: Tensor, retain: Tensor) -> Tensor:
    both = torch.stack([forget, retain])
    gramian: Tensor = both @ both.T
    return gramian


def weights_of(rule: Rule, forget: Tensor, retain: Tensor, radius: float = RADIUS) -> Tensor:
    return torch.stack(multi_objective_weights(gramian_of(forget, retain), rule, radius))


def update_of(rule: Rule, forget: Tensor, retain: Tensor, radius: float = RADIUS) -> Tensor:
    onto_forget, onto_retain = weights_of(rule, forget, retain, radius)
    update: Tensor = onto_forget * forget + onto_retain * retain
    return update


@cases
def test_mgda_is_the_shortest_vector_of_the_hull(seed: int, ratio: float) -> None:
    forget, retain = draw(seed, ratio)
    # Where the segment from r to f comes nearest to the origin.
    apart = retain - forget
    share = min(1.0, max(0.0, float(retain @ apart / (apart @ apart))))
    weights = weights_of("mgda", forget, retain)
    assert weights.tolist() == pytest.approx([share, 1 - share], rel=1e-6, abs=1e-12)
    # Désidéri's condition: it descends on both, by its squared length at least.
    update = update_of("mgda", forget, retain)
    for gradient in (forget, retain):
        slack = 1e-9 * float(gradient.norm() * update.norm())
        assert float(gradient @ update) >= float(update @ update) - slack


@cases
def test_cagrad_has_the_best_worst_case_in_its_ball(seed: int, ratio: float) -> None:
    forget, retain = draw(seed, ratio)
    mean = (forget + retain) / 2
    update = update_of("cagrad", forget, retain)
    assert float((update - mean).norm() / mean.norm()) <= RADIUS * (1 + 1e-5)
    # Every point of the ball worth a look is in the plane of both gradients.
    first = forget / forget.norm()
    second = retain - (retain @ first) * first
    second /= second.norm()
    angles = torch.linspace(0, 2 * math.pi, 200_001, dtype=torch.float64)
    circle = torch.outer(angles.cos(), first) + torch.outer(angles.sin(), second)
    ball = mean + RADIUS * mean.norm() * circle
    best = torch.minimum(ball @ forget, ball @ retain).max()
    found = torch.minimum(update @ forget, update @ retain)
    scale = mean.norm() * torch.minimum(forget.norm(), retain.norm())
    # The solver's own tolerance is felt where one gradient is 1e10 times the other.
    assert float(found) >= float(best) - (1e-4 if 1e-6 < ratio < 1e6 else 1e-2) * float(scale)


def test_cagrad_without_a_radius_is_the_mean() -> None:
    forget, retain = draw(0, 3.0)
    torch.testing.assert_close(update_of("cagrad", forget, retain, 0.0), (forget + retain) / 2)


@cases
def test_upgrad_is_the_mean_of_projections_onto_the_dual_cone(seed: int, ratio: float) -> None:
    forget, retain = draw(seed, ratio)
    conflict = min(0.0, float(forget @ retain))
    # Onto the cone of vectors that conflict with neither: off the other one, where they conflict.
    onto_forget = forget - conflict / float(retain @ retain) * retain
    onto_retain = retain - conflict / float(forget @ forget) * forget
    expected = (onto_forget + onto_retain) / 2
    update = update_of("upgrad", forget, retain)
    torch.testing.assert_close(update, expected, rtol=0, atol=1e-9 * float(expected.norm()))
    for gradient in (forget, retain):
        assert float(update @ gradient) >= -1e-9 * float(update.norm() * gradient.norm())


@cases
def test_imtl_g_has_equal_projections_on_both_unit_gradients(seed: int, ratio: float) -> None:
    forget, retain = draw(seed, ratio)
    weights = weights_of("imtl_g", forget, retain)
    assert float(weights.sum()) == pytest.approx(1)
    update = update_of("imtl_g", forget, retain)
    onto_forget = float(update @ forget / forget.norm())
    onto_retain = float(update @ retain / retain.norm())
    assert onto_forget == pytest.approx(onto_retain, rel=1e-6, abs=1e-9 * float(update.norm()))


@pytest.mark.parametrize("seed", SEEDS)
def test_imtl_g_is_torchjds(seed: int) -> None:
    forget, retain = draw(seed, 3.0)
    oracle = IMTLG()(torch.stack([forget, retain]))
    torch.testing.assert_close(update_of("imtl_g", forget, retain), oracle)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("scale", [1e-10, 1e-3, 1e4, 1e10])
def test_a_common_scale_changes_no_direction(rule: Rule, scale: float) -> None:
    for seed in SEEDS:
        forget, retain = draw(seed, 3.0)
        expected = update_of(rule, forget, retain)
        found = update_of(rule, scale * forget, scale * retain)
        torch.testing.assert_close(
            found / found.norm(), expected / expected.norm(), rtol=1e-6, atol=1e-9
        )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("which", ["forget", "retain", "both"])
def test_a_zero_gradient_leaves_the_other_one(rule: Rule, which: str) -> None:
    forget, retain = draw(0, 1.0)
    if which in ("forget", "both"):
        forget = torch.zeros_like(forget)
    if which in ("retain", "both"):
        retain = torch.zeros_like(retain)
    assert torch.equal(update_of(rule, forget, retain), forget + retain)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("length", [1e-3, 1.0, 1e3])
def test_opposite_gradients_give_finite_weights(rule: Rule, length: float) -> None:
    forget, _ = draw(0, 1.0)
    retain = -length * forget
    weights = weights_of(rule, forget, retain)
    assert bool(weights.isfinite().all())
    update = update_of(rule, forget, retain)
    if rule == "cagrad":
        # (1 - c) of the mean gradient: as far towards the worse served one as the ball allows.
        expected = (1 - RADIUS) * (forget + retain) / 2
    else:
        expected = torch.zeros_like(forget)
    torch.testing.assert_close(
        update, expected, rtol=1e-4, atol=1e-5 * float(torch.maximum(forget.norm(), retain.norm()))
    )


@pytest.mark.parametrize("rule", RULES)
def test_equal_directions_give_that_direction(rule: Rule) -> None:
    forget, _ = draw(0, 1.0)
    update = update_of(rule, forget, 3 * forget)
    torch.testing.assert_close(update / update.norm(), forget / forget.norm())
