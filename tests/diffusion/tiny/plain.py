"""What plain diffusers draws from a tiny model's folder: the oracle of our own sampling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import DDPMScheduler, DiffusionPipeline, UNet2DModel
from torch import Tensor

STEPS = 3
GUIDANCE = 2.5


@torch.no_grad()
def plain_pictures(
    name: str,
    folder: Path,
    texts: Sequence[str],
    seeds: Sequence[int],
    adapters: Path | None = None,
) -> Tensor:
    """Pictures (N, 3, H, W) in [0, 1] of prompts, each from its seed, in `STEPS` at `GUIDANCE`.

    Args:
        name: of the family.
        folder: of the model.
        texts: N prompts.
        seeds: one a picture.
        adapters: a file for `load_lora_weights`.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    if name == "class_unet":
        return _from_class_unet(folder, texts, generators)
    pipeline = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    if adapters is not None:
        pipeline.load_lora_weights(adapters.parent, weight_name=adapters.name)
    told: dict[str, object] = {"prompt": list(texts)}
    if name == "dit":
        told = {"class_labels": pipeline.get_label_ids(list(texts))}
    if name == "flux":
        # Its pipeline takes the true model's size unless it is told another.
        told |= dict.fromkeys(("height", "width"), pipeline.vae.config.sample_size)
    pictures = pipeline(
        **told,
        generator=generators,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        output_type="np",
    ).images
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def _from_class_unet(
    folder: Path, texts: Sequence[str], generators: list[torch.Generator]
) -> Tensor:
    """Its pipeline tells the U-Net no class, so the loop is written out: guided DDPM."""
    unet = UNet2DModel.from_pretrained(folder / "unet")
    scheduler = DDPMScheduler.from_pretrained(folder / "scheduler")
    label_of = {name: int(label) for label, name in unet.config.id2label.items()}
    labels = torch.tensor([label_of[text] for text in texts])
    none = torch.full_like(labels, len(label_of))
    shape = (unet.config.in_channels, unet.config.sample_size, unet.config.sample_size)
    sample = torch.stack([torch.randn(shape, generator=generator) for generator in generators])
    scheduler.set_timesteps(STEPS)
    for time in scheduler.timesteps:
        of_class = unet(sample, time, class_labels=labels).sample
        of_none = unet(sample, time, class_labels=none).sample
        guided = of_none + GUIDANCE * (of_class - of_none)
        sample = scheduler.step(guided, time, sample, generator=generators).prev_sample
    return (sample / 2 + 0.5).clamp(0, 1)
