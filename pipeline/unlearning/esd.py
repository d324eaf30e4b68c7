"""ESD: erased stable diffusion (Gandikota et al. 2023, arXiv 2303.07345)."""

from __future__ import annotations

from typing import Final

import torch
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
    assert batch.empty_conditions is not None  # noqa: S101  (training sets hold it)
    with torch.no_grad():
        noisy, times = partly_denoised(model, predictors.student, batch)
        target = predictors.base(noisy, times, batch.empty_conditions)
        concept = predictors.base(noisy, times, batch.conditions)
        target = target - negative_guidance * (concept - target)
    return squared_distance(predictors.student(noisy, times, batch.conditions), target)


@torch.no_grad()
def partly_denoised(model: DiffusionModel, student: Predict, batch: Batch) -> tuple[Tensor, Tensor]:
    """What the student makes of a batch's noise, down to each sample's time.

    Returns:
        Latents (B, C, H, W), and the times (B,) they have been brought to: the lowest ones of
        the sampler's schedule that are not below the batch's.
    """
    assert batch.empty_conditions is not None  # noqa: S101
    scheduler = model.noise.sampler(_STEPS)
    schedule = scheduler.timesteps.to(batch.times.device)
    stops = (schedule[None] >= batch.times[:, None]).sum(1).clamp(min=1) - 1
    latents = batch.noise.clone()
    for number, time in enumerate(schedule):
        rows = (stops > number).nonzero().flatten()
        if len(rows) == 0:
            break
        times = time.expand(len(rows))
        noisy = latents[rows]
        empty = student(noisy, times, batch.empty_conditions[rows])
        concept = student(noisy, times, batch.conditions[rows])
        guided = empty + _GUIDANCE * (concept - empty)
        latents[rows] = scheduler.step(guided, time, latents[rows]).prev_sample
    return latents, schedule[stops]
