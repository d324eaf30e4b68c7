"""ESD: erased stable diffusion (Gandikota et al. 2023, arXiv 2303.07345)."""

from __future__ import annotations

from typing import Final

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from pipeline.diffusion.model import DiffusionModel
from pipeline.unlearning.batches import Batch
from pipeline.unlearning.predictors import Predict, Predictors, squared_distance

_GUIDANCE: Final = 3.0
"""With which the student draws what it is then taught on, as in the paper's own experiments."""

_STEPS: Final = 10
"""Denoising steps from noise to a picture; the paper takes 50."""


def esd_loss(
    model: DiffusionModel, predictors: Predictors, batch: Batch, negative_guidance: float
) -> Tensor:
    """|prediction of the concept - what the base predicts with the concept guided away|^2: (B,).

    With g the negative guidance (the paper's is 1) and x_t a picture of the concept that the
    student itself has denoised down to t, the target is

        base(x_t, empty) - g (base(x_t, concept) - base(x_t, empty)).
    """
    assert batch.empty_states is not None  # noqa: S101  (training sets hold it)
    with torch.no_grad():
        noisy, timesteps = partly_denoised(model, predictors.student, batch)
        target = predictors.base(noisy, timesteps, batch.empty_states)
        concept = predictors.base(noisy, timesteps, batch.states)
        target = target - negative_guidance * (concept - target)
    return squared_distance(predictors.student(noisy, timesteps, batch.states), target)


@torch.no_grad()
def partly_denoised(model: DiffusionModel, student: Predict, batch: Batch) -> tuple[Tensor, Tensor]:
    """What the student makes of a batch's noise, down to each sample's timestep.

    Returns:
        Latents (B, C, H, W), and the timesteps (B,) they have been brought to: the lowest ones of
        the sampler's schedule that are not below the batch's.
    """
    assert batch.empty_states is not None  # noqa: S101
    scheduler = DDIMScheduler.from_config(model.noise_scheduler.config)
    scheduler.set_timesteps(_STEPS)
    schedule = scheduler.timesteps.to(batch.timesteps.device)
    stops = (schedule[None] >= batch.timesteps[:, None]).sum(1).clamp(min=1) - 1
    latents = batch.noise.clone()
    for number, timestep in enumerate(schedule):
        rows = (stops > number).nonzero().flatten()
        if len(rows) == 0:
            break
        times = timestep.expand(len(rows))
        noisy = latents[rows].contiguous(memory_format=torch.channels_last)
        empty = student(noisy, times, batch.empty_states[rows])
        concept = student(noisy, times, batch.states[rows])
        guided = empty + _GUIDANCE * (concept - empty)
        latents[rows] = scheduler.step(guided, timestep, latents[rows]).prev_sample
    return latents.contiguous(memory_format=torch.channels_last), schedule[stops]
