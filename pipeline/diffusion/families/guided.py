"""Text to image with classifier-free guidance: one pass with the prompt, one with the empty one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from pipeline.diffusion.conditions import STATES, Conditions
from pipeline.diffusion.families.family import Drawing, Family, Pipeline


class Guided(Family):
    """See `Family`. For diffusers' pipelines that take encoded prompts.

    Attributes:
        embeds: which of their arguments a condition goes into; that of the empty prompt goes into
            the one of the same name behind `negative_`.
    """

    embeds: ClassVar[Mapping[str, str]] = {STATES: "prompt_embeds"}

    def sample(
        self,
        pipeline: Pipeline,
        conditions: Conditions,
        empty: Conditions,
        noise: Tensor,
        drawing: Drawing,
    ) -> Tensor:
        """See `Family`."""
        told = {name: conditions.tensors[kind] for kind, name in self.embeds.items()}
        against = {f"negative_{name}": empty.tensors[kind] for kind, name in self.embeds.items()}
        return torch.as_tensor(
            pipeline(
                **told,
                **against,
                latents=noise,
                generator=drawing.generators,
                num_inference_steps=drawing.steps,
                guidance_scale=drawing.guidance,
                output_type="latent",
            ).images
        )
