"""A tiny Stable Diffusion 3.5: its own classes and scheduler, at a few channels."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from transformers import CLIPTextModelWithProjection

from tests.diffusion.tiny.stable_diffusion import autoencoder
from tests.diffusion.tiny.t5 import WIDTH, t5_encoder, t5_tokenizer
from tests.diffusion.tiny.tokenizers import clip_config, clip_tokenizer


def sd3(folder: Path, *, with_t5: bool = True) -> Path:
    """Two layers, the first with the second attention that version 3.5 has.

    Args:
        folder: where to.
        with_t5: whether the third text encoder is there, which the model may do without.
    """
    tokenizers = clip_tokenizer(), clip_tokenizer(pad_token="!")  # noqa: S106  (no password)
    first, second = clip_config(tokenizers[0]), clip_config(tokenizers[1], width=24)
    tokenizer_3 = t5_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = StableDiffusion3Pipeline(
            vae=autoencoder(
                latent_channels=16,
                scaling_factor=1.5305,
                shift_factor=0.0609,
                use_quant_conv=False,
                use_post_quant_conv=False,
            ),
            text_encoder=CLIPTextModelWithProjection(first),
            text_encoder_2=CLIPTextModelWithProjection(second),
            transformer=_transformer(first.projection_dim + second.projection_dim),
            text_encoder_3=t5_encoder(tokenizer_3) if with_t5 else None,
            tokenizer=tokenizers[0],
            tokenizer_2=tokenizers[1],
            tokenizer_3=tokenizer_3 if with_t5 else None,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _transformer(pooled_width: int) -> SD3Transformer2DModel:
    return SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        caption_projection_dim=16,
        pooled_projection_dim=pooled_width,
        pos_embed_max_size=8,
        dual_attention_layers=(0,),
        qk_norm="rms_norm",
    )
