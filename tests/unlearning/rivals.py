"""What the rivals' losses are tested with: a student that is not the base, and one whole batch."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from pipeline.config import ModelConfig
from pipeline.diffusion import DiffusionModel
from pipeline.diffusion.conditions import STATES, Conditions
from pipeline.diffusion.parameters import trainable
from pipeline.unlearning.batches import Batch, TrainingSet, draw_batches
from pipeline.unlearning.predictors import Predictors
from tests.unlearning.short_runs import experiment

TIMESTEPS = (999, 640, 250, 0)


def student_of(base: DiffusionModel) -> UNet2DConditionModel:
    """A copy of the base's U-Net, every weight a little off, cross-attention trainable."""
    unet: UNet2DConditionModel = copy.deepcopy(base.pipeline.unet)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in unet.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(0.05 * parameter.std(correction=0) * noise)
    trainable(unet, base.family, ModelConfig())
    return unet


def predictors(student: UNet2DConditionModel, base: DiffusionModel) -> Predictors:
    """Student and base, in float32."""
    return Predictors(partial(base.predict, student), partial(base.predict, base.denoiser))


def states(conditions: Conditions | None) -> Tensor:
    """What a U-Net is given of them."""
    assert conditions is not None
    return conditions.tensors[STATES]


def with_everything(base: DiffusionModel, data: TrainingSet) -> TrainingSet:
    """The training set with pictures of the anchors and the empty prompt's conditions."""
    # The sandals are the sneakers' anchors: the same sentences, from the same noise.
    retain = {**data.retain, "anchor": data.retain["same_context"]}
    return replace(data, retain=retain, empty=base.encode_prompts([""]))


def whole_batch(base: DiffusionModel, data: TrainingSet) -> Batch:
    """A forget batch with all that any objective asks for, at `TIMESTEPS`."""
    forget, _ = draw_batches(with_everything(base, data), experiment().update, 0, 1, base.noise)
    return replace(forget, times=torch.tensor(TIMESTEPS))


def gradients(losses: Tensor, unet: UNet2DConditionModel) -> Tensor:
    """The mean loss's gradient with respect to all trainable parameters, in one vector."""
    parameters = [p for p in unet.parameters() if p.requires_grad]
    return torch.cat([g.flatten() for g in torch.autograd.grad(losses.mean(), parameters)])
