"""A tiny Stable Diffusion XL: its own classes and scheduler, at a few channels."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from tests.diffusion.tiny.stable_diffusion import autoencoder, unet
from tests.diffusion.tiny.tokenizers import clip_config, clip_tokenizer

_TIME_IDS = 6
_TIME_ID_WIDTH = 8


def sdxl(folder: Path) -> Path:
    """Noise prediction, sampled by Euler's method; two text encoders of different widths."""
    tokenizers = clip_tokenizer(), clip_tokenizer(pad_token="!")  # noqa: S106  (no password)
    first, second = clip_config(tokenizers[0]), clip_config(tokenizers[1], width=24)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = StableDiffusionXLPipeline(
            vae=autoencoder(scaling_factor=0.13025),
            text_encoder=CLIPTextModel(first),
            text_encoder_2=CLIPTextModelWithProjection(second),
            tokenizer=tokenizers[0],
            tokenizer_2=tokenizers[1],
            unet=unet(
                first.hidden_size + second.hidden_size,
                attention_head_dim=(1, 2),
                use_linear_projection=True,
                transformer_layers_per_block=(1, 2),
                addition_embed_type="text_time",
                addition_time_embed_dim=_TIME_ID_WIDTH,
                projection_class_embeddings_input_dim=second.projection_dim
                + _TIME_IDS * _TIME_ID_WIDTH,
            ),
            scheduler=EulerDiscreteScheduler(
                beta_start=0.00085,
                beta_end=0.012,
                beta_schedule="scaled_linear",
                steps_offset=1,
                timestep_spacing="leading",
            ),
        )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder
