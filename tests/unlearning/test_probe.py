"""Steps that raise a loss on the probe batch are halved, and taken back where that is no help."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.preparing import _PROBE_STEP, make_stepper, step_batches
from pipeline.unlearning.probe import Losses, Probe
from pipeline.unlearning.workers import ALONE
from tests.unlearning.short_runs import lopsided
from tests.unlearning.stepping import copy_of, flat, stepping

TAKEN_BACK = Probe.MOST_HALVINGS + 1


def probe_losses(
    base: DiffusionModel, data: TrainingSet, settings: Experiment
) -> tuple[list[Losses], list[float]]:
    """Both losses of the probe batch, before and after each step, and how often it was halved."""
    stepper = make_stepper(base, settings, data, copy_of(base), ALONE)
    batches = step_batches(base, settings, data, _PROBE_STEP)
    losses, halvings = [stepper.objectives.measure(*batches)], []
    for number in range(1, settings.update.steps + 1):
        drawn = step_batches(base, settings, data, number - 1)
        record = stepper.step(number, *drawn, watch=True)
        assert record is not None
        losses.append(stepper.objectives.measure(*batches))
        halvings.append(record.values.get("halvings", 0.0))
    return losses, halvings


@pytest.mark.parametrize(("optimizer", "learning_rate"), [("adamw", 1e-3), ("sgd", 1.0)])
def test_no_step_raises_a_loss_of_the_probe_and_free_ones_do(
    base: DiffusionModel, data: TrainingSet, optimizer: str, learning_rate: float
) -> None:
    settings = lopsided(optimizer, "step", learning_rate=learning_rate, retain_weight=1.0, steps=4)
    monotone = settings.update.model_copy(update={"monotone": True})
    free, _ = probe_losses(base, data, settings)
    watched, halvings = probe_losses(base, data, settings.model_copy(update={"update": monotone}))
    assert rises(free)
    assert not rises(watched)
    assert watched[-1][0] < watched[0][0]
    assert watched[-1][1] < watched[0][1]
    assert max(halvings) > 0
    # A step that was taken back has left the losses as they were, to the last bit.
    for number, halved in enumerate(halvings):
        assert (watched[number + 1] == watched[number]) == (halved == TAKEN_BACK)


def rises(losses: list[Losses]) -> bool:
    """Whether either loss rose from one step to the next, by however little."""
    return any(
        new > old
        for before, after in itertools.pairwise(losses)
        for old, new in zip(before, after, strict=True)
    )


def test_the_ascent_alone_is_taken_back_to_the_bit(base: DiffusionModel, data: TrainingSet) -> None:
    """It raises the retain loss at every length."""
    trained = copy_of(base)
    before = flat(trained)
    settings = lopsided("adamw", "none", rule="forget_only", monotone=True, weight_decay=0.1)
    for _, record in stepping(base, settings, data, trained):
        assert record.values["halvings"] == TAKEN_BACK
        assert record.values["change_forget_cosine"] == 0
        assert torch.equal(flat(trained), before)


def test_no_step_draws_the_probes_batch(base: DiffusionModel, data: TrainingSet) -> None:
    settings = lopsided("adamw", "step")
    probe = step_batches(base, settings, data, _PROBE_STEP)
    for step in range(-8, 20):
        for ours, theirs in zip(probe, step_batches(base, settings, data, step), strict=True):
            assert not torch.equal(ours.noise, theirs.noise)


@pytest.mark.parametrize(
    ("start", "step", "halvings", "end"),
    [
        (-1.0, 1.5, 0, 0.5),  # both losses fall
        (-1.0, 2.0, 0, 1.0),  # as far on the other side: neither rises
        (-1.0, 6.0, 2, 0.5),  # 5 and 2 are further from 0 than 1
        (-1.0, 32.0, 4, 1.0),
        (-1.0, 33.0, TAKEN_BACK, -1.0),
        (-1.0, -1.0, TAKEN_BACK, -1.0),  # the wrong way
    ],
)
def test_halves_a_step_until_neither_loss_rises(
    start: float, step: float, halvings: int, end: float
) -> None:
    """With x^2 for the forget loss, and a retain loss that only knows which side x is on."""
    place = [start]
    probe = Probe(lambda: (place[0] ** 2, float(place[0] < start)))
    probe.before()
    place[0] = start + step

    def resize(share: float) -> None:
        place[0] = start + share * step

    assert probe.shorten(resize) == halvings
    assert place == [end]
    assert probe.before() == (end**2, 0.0)


def test_a_loss_that_is_no_number_has_risen() -> None:
    place = [1.0]
    probe = Probe(lambda: (math.log(place[0]) if place[0] > 0 else math.nan, 0.0))
    probe.before()
    place[0] = -1.0

    def resize(share: float) -> None:
        place[0] = 1.0 - 2.0 * share

    assert probe.shorten(resize) == 2
    assert place == [0.5]
