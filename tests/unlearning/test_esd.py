"""ESD against its equation written out, and its partial denoising against diffusers' pipeline."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from safetensors.torch import load_file
from torch import Tensor

from pipeline.diffusion import DiffusionModel
from pipeline.diffusion.conditions import Conditions
from pipeline.diffusion.weights import apply_weights
from pipeline.unlearning import train
from pipeline.unlearning.batches import Batch, TrainingSet
from pipeline.unlearning.esd import esd_loss, partly_denoised
from pipeline.unlearning.telemetry import read_telemetry
from tests.unlearning.rivals import (
    gradients,
    predictors,
    states,
    student_of,
    whole_batch,
    with_everything,
)
from tests.unlearning.short_runs import experiment, folder_of

STEPS = 10


@pytest.fixture
def batch(base: DiffusionModel, data: TrainingSet) -> Batch:
    return whole_batch(base, data)


def schedule_of(base: DiffusionModel) -> list[int]:
    scheduler = DDIMScheduler.from_config(base.pipeline.scheduler.config)
    scheduler.set_timesteps(STEPS)
    timesteps: list[int] = scheduler.timesteps.tolist()
    return timesteps


@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_loss_and_gradient_are_those_of_the_equation(
    base: DiffusionModel, batch: Batch, guidance: float
) -> None:
    student = student_of(base)
    found = esd_loss(base, predictors(student, base), batch, guidance)
    assert batch.empty_conditions is not None
    noisy, timesteps = partly_denoised(base, partial(base.predict, student), batch)
    with torch.no_grad():
        empty = base.denoiser(noisy, timesteps, states(batch.empty_conditions)).sample
        concept = base.denoiser(noisy, timesteps, states(batch.conditions)).sample
    target = empty - guidance * (concept - empty)
    expected = (
        (student(noisy, timesteps, states(batch.conditions)).sample - target)
        .square()
        .mean((1, 2, 3))
    )
    torch.testing.assert_close(found, expected)
    # Only the last prediction is learnt from: neither the denoising nor the target is.
    torch.testing.assert_close(gradients(found, student), gradients(expected, student))


def test_before_any_training_it_is_the_guidance_squared(base: DiffusionModel, batch: Batch) -> None:
    before = esd_loss(base, predictors(base.denoiser, base), batch, 0.0)
    # concept - (empty - g (concept - empty)) = (1 + g) (concept - empty)
    for guidance in (1.0, 3.0):
        found = esd_loss(base, predictors(base.denoiser, base), batch, guidance)
        torch.testing.assert_close(found, (1 + guidance) ** 2 * before)
    assert bool((before > 0).all())


def test_partly_denoised_is_where_diffusers_pipeline_is_at_that_step(
    base: DiffusionModel, batch: Batch
) -> None:
    assert batch.empty_conditions is not None
    on_the_way = [batch.noise]

    def keep(_: object, step: int, timestep: int, state: dict[str, Tensor]) -> dict[str, Tensor]:
        assert timestep == schedule_of(base)[step]
        on_the_way.append(state["latents"].clone())
        return state

    scheduler = DDIMScheduler.from_config(base.pipeline.scheduler.config)
    parts = {**base.pipeline.components, "scheduler": scheduler}
    pipeline = StableDiffusionPipeline(**parts, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    pipeline(
        prompt_embeds=states(batch.conditions),
        negative_prompt_embeds=states(batch.empty_conditions),
        latents=batch.noise,
        num_inference_steps=STEPS,
        guidance_scale=3.0,
        output_type="latent",
        callback_on_step_end=keep,
    )
    found, reached = partly_denoised(base, partial(base.predict, base.denoiser), batch)
    for row, timestep in enumerate(reached.tolist()):
        expected = on_the_way[schedule_of(base).index(timestep)][row]
        torch.testing.assert_close(found[row], expected, rtol=1e-4, atol=1e-4)


def test_a_sample_stops_at_the_lowest_step_that_is_not_below_its_timestep(
    base: DiffusionModel, batch: Batch
) -> None:
    schedule = schedule_of(base)
    for timesteps in ((999, 0, 640, 250), (schedule[0], schedule[1], schedule[1] + 1, schedule[9])):
        at = replace(batch, times=torch.tensor(timesteps))
        latents, reached = partly_denoised(base, partial(base.predict, base.denoiser), at)
        for row, timestep in enumerate(timesteps):
            assert reached[row] == min(step for step in schedule if step >= timestep)
            still_noise = torch.equal(latents[row], batch.noise[row])
            assert still_noise == (timestep > schedule[1])


def test_a_timestep_above_a_sampler_s_first_one_is_noise_at_that_one(
    base: DiffusionModel, batch: Batch
) -> None:
    """Schedules with leading spacing, as Stable Diffusion 1.x has them, begin below the last."""
    scheduler = DDIMScheduler.from_config(
        base.pipeline.scheduler.config, timestep_spacing="leading", steps_offset=1
    )
    parts = {**base.pipeline.components, "scheduler": scheduler}
    leading = StableDiffusionPipeline(**parts, requires_safety_checker=False)
    model = replace(base, pipeline=leading, noise=base.family.noise(leading))
    assert schedule_of(model)[0] == 901
    latents, reached = partly_denoised(model, partial(base.predict, base.denoiser), batch)
    assert reached.tolist() == [901, 701, 301, 1]
    assert torch.equal(latents[0], batch.noise[0])


def test_only_samples_on_their_way_are_denoised(base: DiffusionModel, batch: Batch) -> None:
    seen: list[list[int]] = []

    def watched(noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        seen.append(timesteps.tolist())
        return base.predict(base.denoiser, noisy, timesteps, conditions)

    _, reached = partly_denoised(base, watched, batch)
    expected = []
    for timestep in schedule_of(base):
        rows = sum(timestep > stop for stop in reached.tolist())
        # Once for the empty prompt, once for the concept.
        expected += [[timestep] * rows] * 2 if rows else []
    assert seen == expected


@pytest.mark.parametrize("trained", ["cross_attention", "without_cross_attention"])
def test_a_training_of_either_variant_lowers_the_loss(
    base: DiffusionModel, data: TrainingSet, batch: Batch, tmp_path: Path, trained: str
) -> None:
    settings = experiment(
        {"forget": "esd", "retain": "denoise", "negative_guidance": 1.0},
        rule="forget_only",
        restriction="none",
        learning_rate=3e-4,
        warmup=1,
        steps=5,
        telemetry_every=5,
        checkpoint_every=100,
    )
    model = settings.model.model_copy(update={"train": trained})
    settings = settings.model_copy(update={"model": model})
    folder = folder_of(tmp_path, "run")
    weights = train(base, settings, with_everything(base, data), folder)
    assert all((".attn2." in name) == (trained == "cross_attention") for name in load_file(weights))
    records = read_telemetry(folder / "telemetry.jsonl")
    assert [record.step for record in records] == [1, 5]
    assert all("retain_loss" not in record.values for record in records)
    assert _distance(base, apply_weights(base, weights), batch) < _distance(base, base, batch)


def _distance(base: DiffusionModel, student: DiffusionModel, batch: Batch) -> float:
    """Of a student to what it should predict, on the base's pictures for every student alike."""
    assert batch.empty_conditions is not None
    noisy, timesteps = partly_denoised(base, partial(base.predict, base.denoiser), batch)
    empty = base.predict(base.denoiser, noisy, timesteps, batch.empty_conditions)
    concept = base.predict(base.denoiser, noisy, timesteps, batch.conditions)
    learnt = base.predict(student.denoiser, noisy, timesteps, batch.conditions)
    return float((learnt - (2 * empty - concept)).square().mean())
