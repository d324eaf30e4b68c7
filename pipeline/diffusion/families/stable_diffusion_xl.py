"""Stable Diffusion XL (Podell et al. 2023, arXiv 2307.01952): a U-Net and two CLIPs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from diffusers import DiffusionPipeline, StableDiffusionXLPipeline
from torch import Tensor, nn

from pipeline.diffusion.conditions import POOLED, STATES, Conditions
from pipeline.diffusion.families.family import Pipeline
from pipeline.diffusion.families.stable_diffusion import StableDiffusion

_TIME_IDS = "time_ids"


class StableDiffusionXL(StableDiffusion):
    """See `Family`. Conditions are tokens' states, a pooled text, and six numbers of the size."""

    pipeline: ClassVar[type[DiffusionPipeline]] = StableDiffusionXLPipeline
    embeds: ClassVar[Mapping[str, str]] = {
        STATES: "prompt_embeds",
        POOLED: "pooled_prompt_embeds",
    }
    parts: ClassVar[tuple[str, ...]] = ("unet", "vae", "text_encoder", "text_encoder_2")
    text_encoders: ClassVar[tuple[str, ...]] = ("text_encoder", "text_encoder_2")

    def around(self, pipeline: Pipeline, parts: Mapping[str, nn.Module | None]) -> Pipeline:
        """See `Family`."""
        components = {**pipeline.components, **parts}
        zeros = pipeline.config.force_zeros_for_empty_prompt
        return StableDiffusionXLPipeline(**components, force_zeros_for_empty_prompt=zeros)

    def encode_prompts(self, pipeline: Pipeline, texts: Sequence[str]) -> Conditions:
        """See `Family`."""
        encoded = pipeline.encode_prompt(
            list(texts), device=pipeline.unet.device, do_classifier_free_guidance=False
        )
        states, pooled = encoded[0].float(), encoded[2].float()
        if pipeline.config.force_zeros_for_empty_prompt:
            # Such a model learned zeros for no prompt, and its pipeline guides with them.
            empty = [row for row, text in enumerate(texts) if not text]
            states[empty], pooled[empty] = 0.0, 0.0
        side = pipeline.default_sample_size * pipeline.vae_scale_factor
        # Size, corner and target size of an uncropped picture of the model's own size. The denoiser
        # alone, which is all that predicts, knows its latents' size but not its pictures'.
        size = torch.tensor([side, side, 0, 0, side, side], dtype=states.dtype)
        time_ids = size.to(states.device).repeat(len(states), 1)
        return Conditions({STATES: states, POOLED: pooled, _TIME_IDS: time_ids})

    def predict(
        self, denoiser: nn.Module, noisy: Tensor, times: Tensor, conditions: Conditions
    ) -> Tensor:
        """See `Family`."""
        told = conditions.tensors
        predicted: Tensor = denoiser(
            # Convolutions are faster in this order of memory.
            noisy.contiguous(memory_format=torch.channels_last),
            times,
            told[STATES],
            added_cond_kwargs={"text_embeds": told[POOLED], "time_ids": told[_TIME_IDS]},
        ).sample
        return predicted

    def _absent_parts(self) -> dict[str, Any]:
        return {"image_encoder": None, "feature_extractor": None}
