"""Concept ablation's two losses written out, and the anchors' pictures that they look at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel, Sampler, Store
from pipeline.diffusion.synthesis import embed, synthesize
from pipeline.prompts import PromptSet, build_prompt_set
from pipeline.unlearning import prepare_training_set
from pipeline.unlearning.batches import Batch, TrainingSet, draw_batches
from pipeline.unlearning.concept_ablation import model_based_loss, noise_based_loss
from tests.unlearning.rivals import (
    gradients,
    predictors,
    states,
    student_of,
    whole_batch,
)
from tests.unlearning.short_runs import experiment

LOSSES = ("concept_ablation", "concept_ablation_noise")


@pytest.fixture
def batch(base: DiffusionModel, data: TrainingSet) -> Batch:
    return whole_batch(base, data)


@pytest.fixture
def student(base: DiffusionModel) -> UNet2DConditionModel:
    return student_of(base)


def noised_anchor(base: DiffusionModel, batch: Batch) -> Tensor:
    """By diffusers' own scheduler."""
    assert batch.anchor_latents is not None
    noisy: Tensor = base.pipeline.scheduler.add_noise(
        batch.anchor_latents, batch.noise, batch.times
    )
    return noisy


def test_model_based_is_the_distance_to_the_students_own_anchor(
    base: DiffusionModel, batch: Batch, student: UNet2DConditionModel
) -> None:
    found = model_based_loss(base, predictors(student, base), batch)
    noisy = noised_anchor(base, batch)
    concept = student(noisy, batch.times, states(batch.conditions)).sample
    anchor = student(noisy, batch.times, states(batch.anchor_conditions)).sample
    expected = (concept - anchor.detach()).square().mean((1, 2, 3))
    torch.testing.assert_close(found, expected)
    found_gradient = gradients(found, student)
    torch.testing.assert_close(found_gradient, gradients(expected, student))
    # The control: a target that learns too would give another gradient.
    concept = student(noisy, batch.times, states(batch.conditions)).sample
    anchor = student(noisy, batch.times, states(batch.anchor_conditions)).sample
    both_learn = gradients((concept - anchor).square().mean((1, 2, 3)), student)
    assert float((found_gradient - both_learn).norm() / both_learn.norm()) > 0.1


def test_model_based_is_nothing_for_a_student_that_sees_no_difference(
    base: DiffusionModel, batch: Batch, student: UNet2DConditionModel
) -> None:
    assert batch.anchor_conditions is not None
    ablated = replace(batch, conditions=batch.anchor_conditions)
    losses = model_based_loss(base, predictors(student, base), ablated)
    assert torch.equal(losses, torch.zeros(len(batch)))
    assert not gradients(losses, student).any()


def test_noise_based_is_the_denoising_loss_of_the_anchor_named_as_the_concept(
    base: DiffusionModel, batch: Batch, student: UNet2DConditionModel
) -> None:
    found = noise_based_loss(base, predictors(student, base), batch)
    noisy = noised_anchor(base, batch)
    assert base.pipeline.scheduler.config.prediction_type == "v_prediction"
    target = base.pipeline.scheduler.get_velocity(batch.anchor_latents, batch.noise, batch.times)
    concept = student(noisy, batch.times, states(batch.conditions)).sample
    expected = (concept - target).square().mean((1, 2, 3))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def settings(forget: str, mix: dict[str, float]) -> Experiment:
    """Four forget prompts, pictures of two steps."""
    plain = experiment({"forget": forget}).model_dump(mode="json")
    plain["prompts"] |= {"train": 4, "test": 16, "retain_mix": mix}
    plain["synthesis"] |= {"steps": 2}
    return Experiment.model_validate(plain)


def prepare(
    base: DiffusionModel, settings: Experiment, store: Store
) -> tuple[PromptSet, TrainingSet]:
    prompts = build_prompt_set(settings.concept, settings.prompts)
    return prompts, prepare_training_set(base, prompts, settings, store)


@pytest.mark.parametrize("forget", ["anchor", "esd", "relabel", "ascent"])
def test_other_losses_need_no_picture_of_the_anchor(
    base: DiffusionModel, tmp_path: Path, forget: str
) -> None:
    made: list[tuple[int, int]] = []
    chosen = settings(forget, {"generic": 1.0})
    prompts = build_prompt_set(chosen.concept, chosen.prompts)
    data = prepare_training_set(
        base, prompts, chosen, Store(tmp_path), lambda done, total: made.append((done, total))
    )
    assert set(data.retain) == {"generic"}
    assert made[-1] == (8, 8)
    forget_batch, _ = draw_batches(data, chosen.update, 0, 1, base.noise)
    assert forget_batch.anchor_latents is None


@pytest.mark.parametrize("forget", LOSSES)
def test_pictures_of_the_anchors_are_those_of_the_forget_prompts_one_by_one(
    base: DiffusionModel, tmp_path: Path, forget: str
) -> None:
    store = Store(tmp_path)
    chosen = settings(forget, {"generic": 1.0})
    prompts, data = prepare(base, chosen, store)
    anchors = [prompt.anchor for prompt in prompts.forget_train]
    assert all(anchor is not None and "sneaker" not in anchor for anchor in anchors)
    texts = [str(anchor) for anchor in anchors]
    seeds = [chosen.synthesis.seed * 1_000_003 + prompt.seed for prompt in prompts.forget_train]
    sampler = Sampler(chosen.synthesis.steps, chosen.synthesis.guidance, 32)
    assert torch.equal(
        data.retain["anchor"].latents, synthesize(base, texts, seeds, sampler, store)
    )
    assert torch.equal(states(data.retain["anchor"].conditions), states(embed(base, texts, store)))
    for step in range(1, 4):
        batch, retain = draw_batches(data, chosen.update, 0, step, base.noise)
        assert batch.anchor_latents is not None
        for latent, anchor in zip(batch.latents, batch.anchor_latents, strict=True):
            (row,) = (data.forget.latents == latent).flatten(1).all(1).nonzero().flatten().tolist()
            assert torch.equal(anchor, data.retain["anchor"].latents[row])
        # The mix has no share for them: they are no retain pictures.
        assert all(
            (data.retain["generic"].latents == latent).flatten(1).all(1).any()
            for latent in retain.latents
        )


def test_the_anchors_can_be_retained(base: DiffusionModel, tmp_path: Path) -> None:
    chosen = settings("concept_ablation", {"anchor": 1.0})
    _, data = prepare(base, chosen, Store(tmp_path))
    assert set(data.retain) == {"anchor"}
    anchors = states(data.forget.anchor_conditions)
    assert torch.equal(states(data.retain["anchor"].conditions), anchors)
    _, retain = draw_batches(data, chosen.update, 0, 1, base.noise)
    for latent, own in zip(retain.latents, states(retain.conditions), strict=True):
        (row,) = (data.retain["anchor"].latents == latent).flatten(1).all(1).nonzero().flatten()
        assert torch.equal(own, anchors[row])
