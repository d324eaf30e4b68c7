"""SalUn's forget loss: the concept's pictures under another name.

Fan et al. 2024, "SalUn: Empowering Machine Unlearning via Gradient-based Weight Saliency", arXiv
2310.12508. The other half of it is the mask in `saliency.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.diffusion.model import DiffusionModel
from pipeline.unlearning.batches import Batch
from pipeline.unlearning.predictors import Predictors, squared_distance


def relabelling_loss(model: DiffusionModel, predictors: Predictors, batch: Batch) -> Tensor:
    """|student(x_t, concept) - student(x_t, another prompt)|^2, the second one held still: (B,).

    x_t is a noised picture of the concept, the other prompt the anchor's. The paper adds the
    denoising loss on retained pictures, here the retain loss `denoise`.
    """
    assert batch.anchor_conditions is not None  # noqa: S101  (forget pools always have anchors)
    noisy = model.noise.add_noise(batch.latents, batch.noise, batch.times)
    with torch.no_grad():
        target = predictors.student(noisy, batch.times, batch.anchor_conditions)
    return squared_distance(predictors.student(noisy, batch.times, batch.conditions), target)
