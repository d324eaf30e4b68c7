"""Concept ablation (Kumari et al. 2023, arXiv 2303.13516), in both of its forms.

Both look at pictures of the *anchor*, and teach the student to see them where the concept is asked
for. The paper adds the denoising loss on the anchor's pictures, here the retain loss `denoise` on
the retain source `anchor`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.diffusion.model import DiffusionModel
from pipeline.unlearning.batches import Batch
from pipeline.unlearning.predictors import Predictors, squared_distance


def model_based_loss(model: DiffusionModel, predictors: Predictors, batch: Batch) -> Tensor:
    """|student(x_t, concept) - student(x_t, anchor)|^2, the second one held still: (B,).

    x_t is a noised picture of the anchor.
    """
    assert batch.anchor_conditions is not None  # noqa: S101  (forget pools always have anchors)
    noisy = _noisy_anchor(model, batch)
    with torch.no_grad():
        target = predictors.student(noisy, batch.times, batch.anchor_conditions)
    return squared_distance(predictors.student(noisy, batch.times, batch.conditions), target)


def noise_based_loss(model: DiffusionModel, predictors: Predictors, batch: Batch) -> Tensor:
    """|student(x_t, concept) - the denoising target of x_t|^2: (B,).

    x_t is a noised picture of the anchor, now captioned with the concept.
    """
    assert batch.anchor_latents is not None  # noqa: S101  (training sets for this loss hold them)
    noisy = _noisy_anchor(model, batch)
    target = model.noise.target(batch.anchor_latents, batch.noise, batch.times)
    return squared_distance(predictors.student(noisy, batch.times, batch.conditions), target)


def _noisy_anchor(model: DiffusionModel, batch: Batch) -> Tensor:
    assert batch.anchor_latents is not None  # noqa: S101
    return model.noise.add_noise(batch.anchor_latents, batch.noise, batch.times)
