"""A tiny class-conditional U-Net over pixels, of Fashion Canvas's objects unless told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, DiffusionPipeline, UNet2DModel

from pipeline.prompts.fashion import OBJECTS


def class_unet(
    folder: Path,
    *,
    names: Sequence[str] = OBJECTS,
    null_class: bool = True,
    pipeline: type[DiffusionPipeline] = DDPMPipeline,
) -> Path:
    """Write the model.

    Args:
        folder: gets it.
        names: of its classes.
        null_class: whether it has an embedding of no class in particular.
        pipeline: diffusers' class, `DDPMPipeline` or `DDIMPipeline`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet = UNet2DModel(
            sample_size=16,
            block_out_channels=(8, 16),
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            norm_num_groups=4,
            num_class_embeds=len(names) + null_class,
        )
    unet.register_to_config(id2label={str(label): name for label, name in enumerate(names)})
    scheduler = DDPMScheduler() if pipeline is DDPMPipeline else DDIMScheduler()
    pipeline(unet.eval(), scheduler).save_pretrained(folder, safe_serialization=True)
    return folder
