"""What a training needs before its first step: optimiser, frozen teacher, mask and probe."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from diffusers.training_utils import EMAModel
from torch import nn

from pipeline.config import Experiment, LossesConfig
from pipeline.diffusion.model import PRECISIONS, DiffusionModel
from pipeline.unlearning.batches import Batch, TrainingSet, draw_batches
from pipeline.unlearning.loss_scale import LossScale
from pipeline.unlearning.optimizers import make_optimizer
from pipeline.unlearning.predictors import Predict, Predictors
from pipeline.unlearning.probe import Probe
from pipeline.unlearning.saliency import Mask, saliency_mask
from pipeline.unlearning.shards import held
from pipeline.unlearning.step import Stepper
from pipeline.unlearning.text_student import TextStudent, text_predictor
from pipeline.unlearning.two_losses import TwoLosses
from pipeline.unlearning.workers import Workers

_SALIENCY_BATCHES = 8
"""Forget batches that the saliency's gradient is averaged over."""

_PROBE_STEP = -1 - _SALIENCY_BATCHES
"""Steps draw from 0 on, the saliency from below it: the probe's batch is one that neither draws."""


def make_stepper(
    model: DiffusionModel,
    experiment: Experiment,
    data: TrainingSet,
    trained: tuple[nn.Module, dict[str, nn.Parameter]],
    workers: Workers,
) -> Stepper:
    """All that stays the same from step to step.

    Args:
        model: the base, the frozen teacher.
        experiment: says how to step.
        data: what the mask and the probe draw from.
        trained: the denoiser or text student that is trained, and those of its parameters that
            move, by name; as the base has them, so that a resumed training finds the same mask.
        workers: this worker and how many train together.
    """
    denoiser, parameters = trained
    update = experiment.update
    precision = PRECISIONS[update.precision]
    objectives = TwoLosses(
        model,
        Predictors(
            student=_student(model, denoiser, workers, precision),
            base=partial(model.predict, model.denoiser, precision=precision),
        ),
        list(parameters.values()),
        experiment.losses,
        update,
        workers,
        LossScale() if update.precision == "fp16" else None,
    )
    mask = probe = None
    if update.saliency is not None:
        mask = _mask(objectives, experiment, data, update.saliency)
    if update.monotone:
        batches = step_batches(model, experiment, data, _PROBE_STEP)
        probe = Probe(partial(objectives.measure, *batches))
    own = held(parameters)
    optimizer = make_optimizer(own, update)
    average = None
    if update.ema_decay is not None:
        # Parameter by parameter: together they would need a third copy for a moment.
        average = EMAModel(own.values(), update.ema_decay, foreach=False)
    return Stepper(objectives, list(own.values()), optimizer, update, mask, probe, average)


def _student(
    model: DiffusionModel, trained: nn.Module, workers: Workers, precision: torch.dtype
) -> Predict:
    wrapped = workers.wrap(trained)
    if isinstance(trained, TextStudent):
        return text_predictor(wrapped, precision)
    return partial(model.predict, wrapped, precision=precision)


def step_batches(
    model: DiffusionModel, experiment: Experiment, data: TrainingSet, step: int
) -> tuple[Batch, Batch]:
    """The joint forget and retain batch of a step."""
    return draw_batches(data, experiment.update, experiment.seed, step, model.noise)


def _mask(objectives: TwoLosses, experiment: Experiment, data: TrainingSet, share: float) -> Mask:
    """The mask of SalUn, from the gradient of the ascent on pictures of the concept."""
    ascent = replace(objectives, losses=LossesConfig(forget="ascent"))
    steps = range(-_SALIENCY_BATCHES, 0)  # those of no training
    batches = [step_batches(objectives.model, experiment, data, step)[0] for step in steps]
    return saliency_mask(ascent.forget_gradient(batches), share)
