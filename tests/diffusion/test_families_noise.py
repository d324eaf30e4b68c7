"""Every family's noise process against diffusers' own schedulers of the same settings."""

from __future__ import annotations

import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor

from pipeline.diffusion import DiffusionModel
from pipeline.diffusion.noise import Flow


def latents_and_noise(model: DiffusionModel, count: int = 3) -> tuple[Tensor, Tensor]:
    """Both (count, C, H, W); latents within [-1, 1], where no scheduler clips them."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, *model.latent_shape)
    return torch.rand(shape, generator=generator) * 2 - 1, torch.randn(shape, generator=generator)


def cosine(left: Tensor, right: Tensor) -> float:
    return float(torch.cosine_similarity(left.flatten(), right.flatten(), dim=0))


def test_times_run_from_the_picture_to_noise(tiny: DiffusionModel) -> None:
    latents, noise = latents_and_noise(tiny)
    early, late = tiny.noise.draw_times(10_000, torch.Generator().manual_seed(0)).aminmax()
    count = len(latents)
    assert cosine(tiny.noise.add_noise(latents, noise, early.expand(count)), latents) > 0.98
    assert cosine(tiny.noise.add_noise(latents, noise, late.expand(count)), noise) > 0.99


def test_noise_and_target_are_the_schedulers_own(tiny: DiffusionModel) -> None:
    latents, noise = latents_and_noise(tiny, count=16)
    times = tiny.noise.draw_times(16, torch.Generator().manual_seed(1))
    config = tiny.pipeline.scheduler.config
    if isinstance(tiny.noise, Flow):
        noisy = FlowMatchEulerDiscreteScheduler.from_config(config).scale_noise(
            latents, times, noise
        )
        target = noise - latents
    else:
        scheduler = DDIMScheduler.from_config(config)
        noisy = scheduler.add_noise(latents, noise, times)
        velocity = scheduler.get_velocity(latents, noise, times)
        target = noise if config.prediction_type == "epsilon" else velocity
    torch.testing.assert_close(tiny.noise.add_noise(latents, noise, times), noisy)
    torch.testing.assert_close(tiny.noise.target(latents, noise, times), target)


def test_a_right_prediction_leads_back_to_the_picture(tiny: DiffusionModel) -> None:
    latents, noise = latents_and_noise(tiny)
    sampler = tiny.noise.sampler(3)
    time = sampler.timesteps[-1]
    times = time.expand(len(latents))
    noisy = tiny.noise.add_noise(latents, noise, times)
    step = sampler.step(tiny.noise.target(latents, noise, times), time, noisy)
    # DDIM's last step ends at the first noise level; it tells the picture that it sees from there.
    clean = step.get("pred_original_sample", step.prev_sample)
    torch.testing.assert_close(clean, latents, atol=1e-5, rtol=1e-5)
