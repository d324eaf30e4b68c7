"""Noise processes against diffusers' own schedulers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

from pipeline.diffusion.noise import Diffusion, Flow, NoiseProcess

COUNT = 4000
TOKENS = 1024
DIFFUSIONS = [
    kind(prediction_type=predicts, clip_sample=False)
    for kind in (DDPMScheduler, DDIMScheduler)
    for predicts in ("epsilon", "v_prediction")
]
FLOWS = [
    FlowMatchEulerDiscreteScheduler(),
    FlowMatchEulerDiscreteScheduler(shift=3.0),
    FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
]


def drawn(seed: int, count: int = 8) -> tuple[Tensor, Tensor, torch.Generator]:
    """Latents, noise, and the generator they came from."""
    generator = torch.Generator().manual_seed(seed)
    latents, noise = torch.randn(2, count, 4, 8, 8, generator=generator)
    return latents, noise, generator


@pytest.mark.parametrize("scheduler", DIFFUSIONS)
def test_diffusion_adds_noise_as_its_scheduler(scheduler: SchedulerMixin) -> None:
    process, (latents, noise, generator) = Diffusion(scheduler), drawn(0)
    times = process.draw_times(len(latents), generator)
    expected = scheduler.add_noise(latents, noise, times)
    torch.testing.assert_close(process.add_noise(latents, noise, times), expected)


@pytest.mark.parametrize("scheduler", DIFFUSIONS)
def test_diffusion_predicts_what_its_scheduler_says(scheduler: SchedulerMixin) -> None:
    process, (latents, noise, generator) = Diffusion(scheduler), drawn(1)
    times = process.draw_times(len(latents), generator)
    velocity = scheduler.get_velocity(latents, noise, times) if _velocity(scheduler) else noise
    torch.testing.assert_close(process.target(latents, noise, times), velocity)


def test_diffusion_draws_all_timesteps_alike() -> None:
    process = Diffusion(DDPMScheduler(num_train_timesteps=10))
    times = process.draw_times(COUNT, torch.Generator().manual_seed(2))
    expected, deviation = COUNT / 10, math.sqrt(COUNT * 0.1 * 0.9)
    assert times.dtype == torch.int64
    assert len(times.bincount()) == 10
    assert ((times.bincount() - expected).abs() < 4 * deviation).all()


def test_a_prediction_of_the_picture_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="epsilon or v_prediction, got sample"):
        Diffusion(DDPMScheduler(prediction_type="sample"))


@pytest.mark.parametrize("scheduler", FLOWS)
def test_flow_adds_noise_as_its_scheduler(scheduler: FlowMatchEulerDiscreteScheduler) -> None:
    process, (latents, noise, generator) = Flow(scheduler, TOKENS), drawn(3)
    times = process.draw_times(len(latents), generator)
    expected = scheduler.scale_noise(latents, times, noise)
    torch.testing.assert_close(process.add_noise(latents, noise, times), expected)


@pytest.mark.parametrize("scheduler", FLOWS)
def test_flow_draws_logit_normal_places(scheduler: FlowMatchEulerDiscreteScheduler) -> None:
    """A normal number's logistic lies below those of -1, 0 and 1 as often as the number does."""
    times = Flow(scheduler, TOKENS).draw_times(COUNT, torch.Generator().manual_seed(4))
    assert torch.isin(times, scheduler.timesteps).all()
    for bound in (-1.0, 0.0, 1.0):
        # Timesteps fall: a low place is a late time.
        last = scheduler.timesteps[int(1000 / (1 + math.exp(-bound)))]
        share = float((times > last).float().mean())
        assert share == pytest.approx((1 + math.erf(bound / math.sqrt(2))) / 2, abs=0.03)


def test_flow_draws_as_before_when_a_picture_was_sampled() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    before = Flow(scheduler, TOKENS).draw_times(COUNT, torch.Generator().manual_seed(5))
    scheduler.set_timesteps(4)
    after = Flow(scheduler, TOKENS).draw_times(COUNT, torch.Generator().manual_seed(5))
    assert torch.equal(before, after)


@pytest.mark.parametrize("tokens", [16, 256, 4096])
def test_flow_shifts_dynamically_as_pipelines_do(tokens: int) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(
        base_shift=0.4, max_shift=1.3, base_image_seq_len=128, use_dynamic_shifting=True
    )
    ours = Flow(scheduler, tokens).sampler(10).timesteps
    scheduler.set_timesteps(10, mu=calculate_shift(tokens, 128, 4096, 0.4, 1.3))
    torch.testing.assert_close(ours, scheduler.timesteps)


@pytest.mark.parametrize("scheduler", [*DIFFUSIONS, *FLOWS])
@pytest.mark.parametrize("steps", [1, 7])
def test_a_sampler_that_follows_the_target_comes_to_the_latents(
    scheduler: SchedulerMixin, steps: int
) -> None:
    """Both processes' paths are straight for their own samplers, where the noise is known."""
    flows = isinstance(scheduler, FlowMatchEulerDiscreteScheduler)
    process: NoiseProcess = Flow(scheduler, TOKENS) if flows else Diffusion(scheduler)
    latents, noise, _ = drawn(6)
    sampler = process.sampler(steps)
    assert (sampler.timesteps.diff() < 0).all()
    current = process.add_noise(latents, noise, sampler.timesteps[:1].expand(len(latents)))
    for time in sampler.timesteps:
        target = process.target(latents, noise, time.expand(len(latents)))
        current = sampler.step(target, time, current).prev_sample
    torch.testing.assert_close(current, latents, atol=1e-4, rtol=1e-4)


def test_noise_that_a_flow_scheduler_would_draw_is_left_out() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(stochastic_sampling=True)
    assert not Flow(scheduler, TOKENS).sampler(4).config.stochastic_sampling


def _velocity(scheduler: Any) -> bool:
    return bool(scheduler.config.prediction_type == "v_prediction")
