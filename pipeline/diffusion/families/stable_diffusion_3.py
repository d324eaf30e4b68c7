"""Stable Diffusion 3 and 3.5 (Esser et al. 2024, arXiv 2403.03206): a flow-matching transformer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from diffusers import DiffusionPipeline, StableDiffusion3Pipeline
from torch import Tensor, nn

from pipeline.diffusion.conditions import POOLED, STATES, Conditions
from pipeline.diffusion.families.family import Pipeline
from pipeline.diffusion.families.guided import Guided
from pipeline.diffusion.noise import Flow, NoiseProcess


class StableDiffusion3(Guided):
    """See `Family`. Conditions are the states of two CLIPs and a T5, and the CLIPs' pooled texts.

    Latents and prompt attend to one another in one joint attention (section 4 of the paper). The
    prompt's tokens have queries, keys and values of their own there: these projections are what
    `cross_attention` stands for. They read what the blocks before made of both, not the prompt's
    states alone, so that no closed form edits them.
    """

    pipeline: ClassVar[type[DiffusionPipeline]] = StableDiffusion3Pipeline
    denoiser: ClassVar[str] = "transformer"
    embeds: ClassVar[Mapping[str, str]] = {
        STATES: "prompt_embeds",
        POOLED: "pooled_prompt_embeds",
    }
    parts: ClassVar[tuple[str, ...]] = (
        *("transformer", "vae"),
        *("text_encoder", "text_encoder_2", "text_encoder_3"),
    )
    # The T5 is larger than the denoiser, and the model was trained to do without.
    optional: ClassVar[tuple[str, ...]] = ("text_encoder_3", "tokenizer_3")
    text_encoders: ClassVar[tuple[str, ...]] = ("text_encoder", "text_encoder_2")
    cross_attention: ClassVar[str] = r"\.attn\.add_[qkv]_proj\."

    def noise(self, pipeline: Pipeline) -> NoiseProcess:
        """See `Family`."""
        _, height, width = self.latent_shape(pipeline)
        return Flow(pipeline.scheduler, tokens=height * width // pipeline.patch_size**2)

    def latent_shape(self, pipeline: Pipeline) -> tuple[int, int, int]:
        """See `Family`."""
        config = pipeline.transformer.config
        return (config.in_channels, config.sample_size, config.sample_size)

    def encode_prompts(self, pipeline: Pipeline, texts: Sequence[str]) -> Conditions:
        """See `Family`. Without a T5, its tokens' states are zeros."""
        states, _, pooled, _ = pipeline.encode_prompt(
            list(texts),
            prompt_2=None,
            prompt_3=None,
            device=pipeline.transformer.device,
            do_classifier_free_guidance=False,
        )
        return Conditions({STATES: states.float(), POOLED: pooled.float()})

    def retell(self, pipeline: Pipeline, texts: Sequence[str], told: Conditions) -> Conditions:
        """See `Family`. The T5's states, behind the CLIPs', are not computed again."""
        clips = self.around(pipeline, {"text_encoder_3": None})
        again = self.encode_prompts(clips, texts).tensors
        length = pipeline.tokenizer_max_length
        states = torch.cat([again[STATES][:, :length], told.tensors[STATES][:, length:]], 1)
        return Conditions({**told.tensors, **again, STATES: states})

    def predict(
        self, denoiser: nn.Module, noisy: Tensor, times: Tensor, conditions: Conditions
    ) -> Tensor:
        """See `Family`."""
        predicted: Tensor = denoiser(
            hidden_states=noisy,
            timestep=times,
            encoder_hidden_states=conditions.tensors[STATES],
            pooled_projections=conditions.tensors[POOLED],
        ).sample
        return predicted

    def _absent_parts(self) -> dict[str, Any]:
        return {"image_encoder": None, "feature_extractor": None}
