"""SalUn's forget loss written out."""

from __future__ import annotations

from dataclasses import replace

import torch

from pipeline.diffusion import DiffusionModel
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.relabelling import relabelling_loss
from tests.unlearning.rivals import (
    gradients,
    predictors,
    states,
    student_of,
    whole_batch,
)


def test_it_is_the_distance_to_the_students_own_prediction_under_another_name(
    base: DiffusionModel, data: TrainingSet
) -> None:
    batch, student = whole_batch(base, data), student_of(base)
    found = relabelling_loss(base, predictors(student, base), batch)
    noisy = base.pipeline.scheduler.add_noise(batch.latents, batch.noise, batch.times)
    concept = student(noisy, batch.times, states(batch.conditions)).sample
    other = student(noisy, batch.times, states(batch.anchor_conditions)).sample
    expected = (concept - other.detach()).square().mean((1, 2, 3))
    torch.testing.assert_close(found, expected)
    found_gradient = gradients(found, student)
    torch.testing.assert_close(found_gradient, gradients(expected, student))
    # The control: a target that learns too would give another gradient.
    concept = student(noisy, batch.times, states(batch.conditions)).sample
    other = student(noisy, batch.times, states(batch.anchor_conditions)).sample
    both_learn = gradients((concept - other).square().mean((1, 2, 3)), student)
    assert float((found_gradient - both_learn).norm() / both_learn.norm()) > 0.1


def test_it_is_nothing_once_both_names_are_one(base: DiffusionModel, data: TrainingSet) -> None:
    batch, student = whole_batch(base, data), student_of(base)
    assert batch.anchor_conditions is not None
    losses = relabelling_loss(
        base, predictors(student, base), replace(batch, conditions=batch.anchor_conditions)
    )
    assert torch.equal(losses, torch.zeros(len(batch)))
    assert not gradients(losses, student).any()


def test_it_looks_at_no_picture_of_the_anchor(base: DiffusionModel, data: TrainingSet) -> None:
    batch, student = whole_batch(base, data), student_of(base)
    without = replace(batch, anchor_latents=None, empty_conditions=None)
    torch.testing.assert_close(
        relabelling_loss(base, predictors(student, base), without),
        relabelling_loss(base, predictors(student, base), batch),
    )
