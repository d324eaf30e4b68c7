"""UCE's closed form against a numerical optimiser, and at its limits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from pipeline.config import ClosedFormConfig
from pipeline.unlearning.uce import edited_projection

ROWS, WIDTH, TOKENS = 5, 16, 2


@dataclass(frozen=True)
class Problem:
    """A small projection, and states of concepts, anchors and what is kept, in float64."""

    weight: Tensor
    concepts: Tensor
    anchors: Tensor
    kept: Tensor

    def edited(self, preserve_weight: float, ridge: float) -> Tensor:
        """The projection after the edit."""
        settings = ClosedFormConfig(preserve_weight=preserve_weight, ridge=ridge)
        return edited_projection(
            self.weight, self.concepts, self.anchors, self.kept, settings
        ).double()


def draw(seed: int, concepts: int = 3, kept: int = 2) -> Problem:
    generator = torch.Generator().manual_seed(seed)

    def states(count: int) -> Tensor:
        return torch.randn(count, TOKENS, WIDTH, generator=generator, dtype=torch.float64)

    weight = torch.randn(ROWS, WIDTH, generator=generator, dtype=torch.float64)
    return Problem(weight, states(concepts), states(concepts), states(kept))


def objective(new: Tensor, problem: Problem, preserve_weight: float, ridge: float) -> Tensor:
    """What the paper minimises: every concept as its anchor was, all that is kept as it was."""
    old = problem.weight
    moved = [
        (new @ concept - old @ anchor).square().sum()
        for concepts, anchors in zip(problem.concepts, problem.anchors, strict=True)
        for concept, anchor in zip(concepts, anchors, strict=True)
    ]
    stays = [
        (new @ state - old @ state).square().sum() for states in problem.kept for state in states
    ]
    still = torch.stack(stays).mean() if stays else torch.zeros(())
    distance = (new - old).square().sum()
    return torch.stack(moved).mean() + preserve_weight * still + ridge * distance


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("preserve_weight", "ridge"), [(0.0, 0.5), (1.0, 0.1), (30.0, 0.02)])
def test_it_is_where_an_optimiser_ends(seed: int, preserve_weight: float, ridge: float) -> None:
    problem = draw(seed)
    new = torch.zeros_like(problem.weight, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [new],
        max_iter=2000,
        tolerance_grad=1e-12,
        tolerance_change=0,
        history_size=50,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = objective(new, problem, preserve_weight, ridge)
        value.backward()
        return value

    optimizer.step(closure)
    found = problem.edited(preserve_weight, ridge)
    torch.testing.assert_close(found, new.detach(), rtol=0, atol=1e-5)
    # The optimiser did something: the answer is not where it would be for other settings.
    assert float((found - problem.edited(preserve_weight + 1, 3 * ridge)).abs().max()) > 1e-3


def test_nothing_kept_is_no_preservation() -> None:
    problem = draw(0, kept=0)
    torch.testing.assert_close(problem.edited(5.0, 0.1), problem.edited(0.0, 0.1))


def test_a_large_ridge_leaves_the_projection_as_it_was() -> None:
    problem = draw(0)
    far = [float((problem.edited(1.0, ridge) - problem.weight).norm()) for ridge in (0.1, 10, 1e6)]
    assert far[0] > far[1] > far[2]
    assert far[2] < 1e-4


def test_a_small_ridge_maps_every_concept_as_its_anchor_was() -> None:
    problem = draw(0)  # six tokens in a width of sixteen
    new = problem.edited(0.0, 1e-8)
    torch.testing.assert_close(
        problem.concepts @ new.T, problem.anchors @ problem.weight.T, rtol=0, atol=1e-4
    )


def test_kept_states_stay_and_more_so_the_heavier_they_weigh() -> None:
    problem = draw(0)
    moves = []
    for preserve_weight in (0.0, 1.0, 1e6):
        new = problem.edited(preserve_weight, 0.01)
        moves.append(float((problem.kept @ (new - problem.weight).T).norm()))
    assert moves[0] > moves[1] > moves[2]
    assert moves[2] < 1e-4 * moves[0]
    # Both can be had where there is room: four kept tokens and six edited ones.
    new = problem.edited(1.0, 1e-9)
    torch.testing.assert_close(
        problem.kept @ new.T, problem.kept @ problem.weight.T, rtol=0, atol=1e-4
    )
    torch.testing.assert_close(
        problem.concepts @ new.T, problem.anchors @ problem.weight.T, rtol=0, atol=1e-4
    )


def test_settings_mean_the_same_for_any_number_of_prompts() -> None:
    problem = draw(0)
    twice = Problem(
        problem.weight,
        problem.concepts.repeat(2, 1, 1),
        problem.anchors.repeat(2, 1, 1),
        problem.kept.repeat(3, 1, 1),
    )
    torch.testing.assert_close(twice.edited(0.7, 0.1), problem.edited(0.7, 0.1))
