"""Forget and retain losses; all are descended, each returns one value a sample, (B,)."""

from __future__ import annotations

from typing import assert_never

import torch
from torch import Tensor

from pipeline.config import LossesConfig
from pipeline.diffusion.model import DiffusionModel
from pipeline.unlearning.batches import Batch
from pipeline.unlearning.concept_ablation import model_based_loss, noise_based_loss
from pipeline.unlearning.esd import esd_loss
from pipeline.unlearning.predictors import Predict, Predictors, squared_distance
from pipeline.unlearning.relabelling import relabelling_loss


def forget_loss(
    model: DiffusionModel, predictors: Predictors, batch: Batch, losses: LossesConfig
) -> Tensor:
    """The forget loss of each sample: (B,)."""
    match losses.forget:
        case "ascent":
            return -denoising_loss(model, predictors.student, batch)
        case "anchor":
            return anchor_loss(model, predictors, batch, losses.negative_guidance)
        case "esd":
            return esd_loss(model, predictors, batch, losses.negative_guidance)
        case "concept_ablation":
            return model_based_loss(model, predictors, batch)
        case "concept_ablation_noise":
            return noise_based_loss(model, predictors, batch)
        case "relabel":
            return relabelling_loss(model, predictors, batch)
        case _:
            assert_never(losses.forget)


def retain_loss(
    model: DiffusionModel, predictors: Predictors, batch: Batch, losses: LossesConfig
) -> Tensor:
    """The retain loss of each sample: (B,)."""
    match losses.retain:
        case "denoise":
            return denoising_loss(model, predictors.student, batch)
        case "distill":
            return distillation_loss(model, predictors, batch)
        case _:
            assert_never(losses.retain)


def denoising_loss(model: DiffusionModel, student: Predict, batch: Batch) -> Tensor:
    """|prediction - target|^2, averaged over a sample's elements: (B,)."""
    noisy = model.noise.add_noise(batch.latents, batch.noise, batch.times)
    target = model.noise.target(batch.latents, batch.noise, batch.times)
    return squared_distance(student(noisy, batch.times, batch.conditions), target)


def distillation_loss(model: DiffusionModel, predictors: Predictors, batch: Batch) -> Tensor:
    """|prediction - the base's prediction of the same prompt|^2: (B,)."""
    noisy = model.noise.add_noise(batch.latents, batch.noise, batch.times)
    with torch.no_grad():
        target = predictors.base(noisy, batch.times, batch.conditions)
    return squared_distance(predictors.student(noisy, batch.times, batch.conditions), target)


def anchor_loss(
    model: DiffusionModel, predictors: Predictors, batch: Batch, negative_guidance: float
) -> Tensor:
    """|prediction of the forget prompt - the base's of its anchor, pushed off the concept|^2: (B,).

    The anchor is concept ablation's (Kumari et al. 2023, arXiv 2303.13516); with negative guidance
    g the target is base(anchor) - g (base(concept) - base(anchor)), as in ESD (Gandikota et al.
    2023, arXiv 2303.07345) with the anchor for its empty prompt.
    """
    assert batch.anchor_conditions is not None  # noqa: S101  (forget pools always have anchors)
    noisy = model.noise.add_noise(batch.latents, batch.noise, batch.times)
    with torch.no_grad():
        target = predictors.base(noisy, batch.times, batch.anchor_conditions)
        if negative_guidance > 0:
            concept = predictors.base(noisy, batch.times, batch.conditions)
            target = target - negative_guidance * (concept - target)
    return squared_distance(predictors.student(noisy, batch.times, batch.conditions), target)
