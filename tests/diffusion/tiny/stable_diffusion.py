"""Tiny Stable Diffusion 1.5 and 2.1: their own classes and schedulers, at a few channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from transformers import CLIPTextModel

from tests.diffusion.tiny.tokenizers import clip_config, clip_tokenizer

NOISE_LEVELS: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
"""As both versions ship them."""


def sd1(folder: Path) -> Path:
    """Noise prediction, sampled by PNDM."""
    levels = {name: value for name, value in NOISE_LEVELS.items() if name != "clip_sample"}
    return _save(PNDMScheduler(skip_prk_steps=True, **levels), folder, attention_head_dim=2)


def sd2(folder: Path) -> Path:
    """Velocity prediction, sampled by DDIM; attention has linear projections and equal widths."""
    scheduler = DDIMScheduler(prediction_type="v_prediction", **NOISE_LEVELS)
    return _save(scheduler, folder, attention_head_dim=(1, 2), use_linear_projection=True)


def unet(cross_attention_dim: int, **differences: Any) -> UNet2DConditionModel:
    """A U-Net over latents of 8 x 8 that reads prompts at both sizes of its own."""
    settings = {
        "sample_size": 8,
        "layers_per_block": 1,
        "block_out_channels": (8, 16),
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": cross_attention_dim,
        "norm_num_groups": 4,
    }
    return UNet2DConditionModel(**(settings | differences))


def autoencoder(**differences: Any) -> AutoencoderKL:
    """Pictures of 16 x 16 become latents of 8 x 8 with four channels."""
    settings = {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "block_out_channels": (8, 8),
        "latent_channels": 4,
        "norm_num_groups": 4,
        "sample_size": 16,
    }
    return AutoencoderKL(**(settings | differences))


def _save(scheduler: SchedulerMixin, folder: Path, **differences: Any) -> Path:
    tokenizer = clip_tokenizer()
    config = clip_config(tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = StableDiffusionPipeline(
            vae=autoencoder(scaling_factor=0.18215),
            text_encoder=CLIPTextModel(config),
            tokenizer=tokenizer,
            unet=unet(config.hidden_size, **differences),
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder
