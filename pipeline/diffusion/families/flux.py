"""FLUX.1 (Black Forest Labs 2024): a flow-matching transformer, distilled to need no guidance pass.

Legend: B pictures, C latent channels, H W latent sides, L tokens of a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline, FluxPipeline
from torch import Tensor, nn

from pipeline.diffusion.conditions import POOLED, STATES, Conditions
from pipeline.diffusion.families.family import Drawing, Family, Pipeline
from pipeline.diffusion.noise import Flow, NoiseProcess

_GUIDANCE = "guidance"

_PATCH = 2
"""Side of the squares of latents that the transformer takes as its tokens."""

_TIMES = 1000
"""The transformer counts time from 0 to 1, the noise process from 0 to this."""


class Flux(Family):
    """See `Family`. Conditions are a T5's states, a CLIP's pooled text, and a guidance number.

    A model with an embedding of the guidance number was distilled from guided predictions (Meng et
    al. 2023, arXiv 2210.03142), and takes the number in place of a pass with the empty prompt.
    Conditions hold 1, no guidance: what is predicted at a time is then the plain velocity, which is
    the target of the denoising loss. Sampling gives the sampler's own number.

    `cross_attention` stands for the queries, keys and values of the prompt in the blocks where it
    has its own; in the later blocks prompt and latents share all weights.
    """

    pipeline: ClassVar[type[DiffusionPipeline]] = FluxPipeline
    denoiser: ClassVar[str] = "transformer"
    parts: ClassVar[tuple[str, ...]] = ("transformer", "vae", "text_encoder", "text_encoder_2")
    text_encoders: ClassVar[tuple[str, ...]] = ("text_encoder",)
    cross_attention: ClassVar[str] = r"\.attn\.add_[qkv]_proj\."

    def noise(self, pipeline: Pipeline) -> NoiseProcess:
        """See `Family`."""
        _, height, width = self.latent_shape(pipeline)
        return Flow(pipeline.scheduler, tokens=height * width // _PATCH**2)

    def latent_shape(self, pipeline: Pipeline) -> tuple[int, int, int]:
        """See `Family`. The transformer names no size; the autoencoder names that of pictures."""
        channels = pipeline.transformer.config.in_channels // _PATCH**2
        pixels = pipeline.vae.config.get("sample_size")
        scale = pipeline.vae_scale_factor
        side = pipeline.default_sample_size if pixels is None else pixels // scale
        return (channels, side, side)

    def encode_prompts(self, pipeline: Pipeline, texts: Sequence[str]) -> Conditions:
        """See `Family`."""
        states, pooled, _ = pipeline.encode_prompt(list(texts), device=pipeline.transformer.device)
        told = {STATES: states.float(), POOLED: pooled.float()}
        if pipeline.transformer.config.guidance_embeds:
            told[_GUIDANCE] = torch.ones(len(states), device=states.device)
        return Conditions(told)

    def retell(self, pipeline: Pipeline, texts: Sequence[str], told: Conditions) -> Conditions:
        """See `Family`. The T5's states are not computed again."""
        tokens = pipeline.tokenizer(
            list(texts),
            padding="max_length",
            max_length=pipeline.tokenizer_max_length,
            truncation=True,
            return_tensors="pt",
        )
        ids = tokens.input_ids.to(pipeline.text_encoder.device)
        pooled = pipeline.text_encoder(ids).pooler_output
        return Conditions({**told.tensors, POOLED: pooled.float()})

    def predict(
        self, denoiser: nn.Module, noisy: Tensor, times: Tensor, conditions: Conditions
    ) -> Tensor:
        """See `Family`."""
        told = conditions.tensors
        height, width = noisy.shape[2:]
        predicted: Tensor = denoiser(
            hidden_states=pack(noisy),
            timestep=times / _TIMES,
            guidance=told.get(_GUIDANCE),
            encoder_hidden_states=told[STATES],
            pooled_projections=told[POOLED],
            txt_ids=noisy.new_zeros(told[STATES].shape[1], 3),
            img_ids=_places(height // _PATCH, width // _PATCH).to(noisy),
        ).sample
        return unpack(predicted, height, width)

    def sample(
        self,
        pipeline: Pipeline,
        conditions: Conditions,
        empty: Conditions,  # noqa: ARG002  (see the class)
        noise: Tensor,
        drawing: Drawing,
    ) -> Tensor:
        """See `Family`."""
        height, width = noise.shape[2:]
        packed = pipeline(
            prompt_embeds=conditions.tensors[STATES],
            pooled_prompt_embeds=conditions.tensors[POOLED],
            latents=pack(noise),
            height=height * pipeline.vae_scale_factor,
            width=width * pipeline.vae_scale_factor,
            generator=drawing.generators,
            num_inference_steps=drawing.steps,
            guidance_scale=drawing.guidance,
            output_type="latent",
        ).images
        return unpack(torch.as_tensor(packed), height, width)

    def _absent_parts(self) -> dict[str, Any]:
        return {"image_encoder": None, "feature_extractor": None}


def pack(latents: Tensor) -> Tensor:
    """Squares of latents as tokens, row by row: (B, C, H, W) -> (B, H W / 4, 4 C)."""
    return F.pixel_unshuffle(latents, _PATCH).flatten(2).transpose(1, 2)


def unpack(tokens: Tensor, height: int, width: int) -> Tensor:
    """Latents (B, C, H, W) of tokens (B, H W / 4, 4 C)."""
    squares = tokens.transpose(1, 2).unflatten(2, (height // _PATCH, width // _PATCH))
    return F.pixel_shuffle(squares, _PATCH)


def _places(rows: int, columns: int) -> Tensor:
    """Where tokens lie, for rotary embeddings: (rows columns, 3); the first axis is unused."""
    return torch.cartesian_prod(torch.arange(1), torch.arange(rows), torch.arange(columns))
