"""A tiny FLUX.1: its own classes and scheduler, at a few channels."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from transformers import CLIPTextModel

from tests.diffusion.tiny.stable_diffusion import autoencoder
from tests.diffusion.tiny.t5 import WIDTH, t5_encoder, t5_tokenizer
from tests.diffusion.tiny.tokenizers import clip_config, clip_tokenizer


def flux(folder: Path, *, guidance_embeds: bool = True) -> Path:
    """One block of either kind.

    Args:
        folder: where to.
        guidance_embeds: whether it takes a guidance number and shifts its steps by a picture's
            size, as FLUX.1-dev does; FLUX.1-schnell does neither.
    """
    tokenizer, tokenizer_2 = clip_tokenizer(), t5_tokenizer()
    config = clip_config(tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = FluxPipeline(
            vae=autoencoder(
                latent_channels=16,
                scaling_factor=0.3611,
                shift_factor=0.1159,
                use_quant_conv=False,
                use_post_quant_conv=False,
            ),
            text_encoder=CLIPTextModel(config),
            text_encoder_2=t5_encoder(tokenizer_2),
            tokenizer=tokenizer,
            tokenizer_2=tokenizer_2,
            transformer=FluxTransformer2DModel(
                in_channels=64,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=WIDTH,
                pooled_projection_dim=config.hidden_size,
                guidance_embeds=guidance_embeds,
                axes_dims_rope=(4, 6, 6),
            ),
            scheduler=FlowMatchEulerDiscreteScheduler(
                shift=3.0 if guidance_embeds else 1.0, use_dynamic_shifting=guidance_embeds
            ),
        )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder
