"""A tiny DiT of Fashion Canvas's objects, whose transformer predicts variance too."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiTPipeline, DiTTransformer2DModel

from pipeline.prompts.fashion import OBJECTS

IMAGENET = 1000


def dit(folder: Path, classes: int = IMAGENET) -> Path:
    """Write the model.

    Args:
        folder: gets it.
        classes: of the transformer, the first of which have names. Diffusers' pipeline takes 1000
            for the null class whatever their number, so with fewer it cannot guide.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformer = DiTTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=8,
            in_channels=4,
            out_channels=8,
            num_layers=2,
            sample_size=8,
            patch_size=2,
            num_embeds_ada_norm=classes,
        )
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(8, 8),
            norm_num_groups=2,
            latent_channels=4,
            sample_size=16,
        )
    scheduler = DDIMScheduler(clip_sample=False)
    pipeline = DiTPipeline(transformer.eval(), vae.eval(), scheduler)
    pipeline.register_to_config(id2label={str(label): name for label, name in enumerate(OBJECTS)})
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder
