"""Stable Diffusion 1.x and 2.x (Rombach et al. 2022, arXiv 2112.10752): a U-Net and one CLIP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline
from torch import Tensor, nn

from pipeline.diffusion.conditions import STATES, Conditions
from pipeline.diffusion.families.family import Pipeline
from pipeline.diffusion.families.guided import Guided
from pipeline.diffusion.noise import Diffusion, NoiseProcess


class StableDiffusion(Guided):
    """See `Family`."""

    pipeline: ClassVar[type[DiffusionPipeline]] = StableDiffusionPipeline
    denoiser: ClassVar[str] = "unet"
    parts: ClassVar[tuple[str, ...]] = ("unet", "vae", "text_encoder")
    convolutional: ClassVar[tuple[str, ...]] = ("unet", "vae")
    text_encoders: ClassVar[tuple[str, ...]] = ("text_encoder",)
    cross_attention: ClassVar[str] = r"\.attn2\."
    prompt_projections: ClassVar[tuple[str, ...]] = (".attn2.to_k.weight", ".attn2.to_v.weight")

    def around(self, pipeline: Pipeline, parts: Mapping[str, nn.Module | None]) -> Pipeline:
        """See `Family`."""
        components = {**pipeline.components, **parts}
        return StableDiffusionPipeline(**components, requires_safety_checker=False)

    def noise(self, pipeline: Pipeline) -> NoiseProcess:
        """See `Family`."""
        return Diffusion(pipeline.scheduler)

    def latent_shape(self, pipeline: Pipeline) -> tuple[int, int, int]:
        """See `Family`."""
        config = pipeline.unet.config
        return (config.in_channels, config.sample_size, config.sample_size)

    def encode_prompts(self, pipeline: Pipeline, texts: Sequence[str]) -> Conditions:
        """See `Family`."""
        states, _ = pipeline.encode_prompt(
            list(texts),
            pipeline.unet.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        return Conditions({STATES: torch.as_tensor(states).float()})

    def predict(
        self, denoiser: nn.Module, noisy: Tensor, times: Tensor, conditions: Conditions
    ) -> Tensor:
        """See `Family`."""
        # Convolutions are faster in this order of memory.
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        predicted: Tensor = denoiser(noisy, times, conditions.tensors[STATES]).sample
        return predicted

    def _absent_parts(self) -> dict[str, Any]:
        return {
            "safety_checker": None,
            "feature_extractor": None,
            "requires_safety_checker": False,
        }
