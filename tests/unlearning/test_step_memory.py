"""Beside the two gradients a step needs memory for a few chunks, whatever it restricts and tells.

The plain weighted sum needs one buffer of the trainable parameters' size for its gradient: with the
second gradient every other update is at most one more.
"""

from __future__ import annotations

import pytest

from pipeline.diffusion import DiffusionModel
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.chunks import chunks
from pipeline.unlearning.gradients import products
from pipeline.unlearning.preparing import make_stepper, step_batches
from pipeline.unlearning.workers import ALONE
from tests.unlearning.allocations import Allocations
from tests.unlearning.short_runs import lopsided
from tests.unlearning.stepping import copy_of

BUFFERS_OF_A_CHUNK = 7
"""A step and what was there before it; 1 / D, D f and D r; what a product is summed of; a root."""


@pytest.mark.parametrize("restriction", ["none", "gradient", "step", "both"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("watch", [False, True])
def test_a_step_holds_no_third_buffer_of_the_parameters_size(
    base: DiffusionModel,
    data: TrainingSet,
    restriction: str,
    optimizer: str,
    watch: bool,  # noqa: FBT001
) -> None:
    margin = 0.1 if restriction == "step" else 0.0
    settings = lopsided(optimizer, restriction, clip_norm=0.05, margin=margin)
    trained = copy_of(base)
    sizes = [p.numel() * p.element_size() for p in trained[1].values()]
    stepper = make_stepper(base, settings, data, trained, ALONE)
    batches = step_batches(base, settings, data, 0)
    stepper.step(1, *batches, watch=False)  # the optimiser makes its state
    _, *gradients = stepper.objectives.gradients(*batches)
    state = [value for own in stepper.optimizer.state.values() for value in own.values()]
    with Allocations([*stepper.parameters, *gradients[0], *gradients[1], *state]) as made:
        pair = gradients[0], gradients[1]
        _, told = stepper._descend(pair, products(*pair), watch=watch)
    assert restriction != "step" or told["restricted"] == 1
    assert max(sizes) <= made.peak <= BUFFERS_OF_A_CHUNK * max(sizes)
    assert BUFFERS_OF_A_CHUNK * max(sizes) < 0.5 * sum(sizes)


@pytest.mark.parametrize("parts", [1, 3, 64, 10**9])
def test_chunks_hold_every_parameter_once_and_no_more_than_fits(
    base: DiffusionModel, parts: int
) -> None:
    parameters = list(copy_of(base)[1].values())
    found = chunks(parameters, parts)
    whole = sum(p.numel() for p in parameters)
    assert [p for rows in found for p in parameters[rows]] == parameters
    for rows in found:
        some = parameters[rows]
        assert len(some) == 1 or parts * sum(p.numel() for p in some) <= whole
    assert chunks([], parts) == []
