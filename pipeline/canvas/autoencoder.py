"""The base model's autoencoder: 32 x 32 pictures to 8 x 8 latents of four channels."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from pipeline.canvas.dataset import Dataset, as_floats
from pipeline.canvas.schooling import Schedule

SCHEDULE = Schedule(steps=3600, batch=24, learning_rate=1.2e-3, warmup=40, weight_decay=1e-3)
_KL_WEIGHT = 5e-4
_SLOPE_WEIGHT = 0.5


def new_autoencoder() -> AutoencoderKL:
    """An untrained autoencoder whose posterior starts narrow."""
    autoencoder = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=32,
    ).to(memory_format=torch.channels_last)
    with torch.no_grad():
        # The last four channels are log variances: a wide posterior drowns the first steps.
        autoencoder.quant_conv.bias[4:] = -5.0
    return autoencoder


def autoencoder_loss(
    autoencoder: AutoencoderKL, data: Dataset, batch: int, generator: torch.Generator
) -> Tensor:
    """Reconstruction in values and in slopes, and a faint pull of the posterior to the normal."""
    rows = torch.randint(len(data), (batch,), generator=generator)
    pictures = as_floats(data.pictures[rows]).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        posterior = autoencoder.encode(pictures).latent_dist
        decoded = autoencoder.decode(posterior.sample(generator=generator)).sample
    error = decoded.float() - pictures
    across, down = error.diff(dim=-1), error.diff(dim=-2)
    slopes = across.abs().mean() + down.abs().mean()
    per_element = posterior.kl().float().mean() / posterior.mean[0].numel()
    loss: Tensor = (
        error.abs().mean() + error.pow(2).mean() + _SLOPE_WEIGHT * slopes + _KL_WEIGHT * per_element
    )
    return loss


@torch.no_grad()
def set_scale(autoencoder: AutoencoderKL, data: Dataset) -> None:
    """Make the latents' standard deviation one, as the diffusion model expects."""
    latents = encode(autoencoder, data.pictures[:2000], scaled=False)
    autoencoder.register_to_config(scaling_factor=float(1 / latents.std()))


@torch.no_grad()
def encode(autoencoder: AutoencoderKL, pictures: Tensor, *, scaled: bool = True) -> Tensor:
    """Means of the posteriors of uint8 pictures (N, 3, 32, 32): float32, (N, 4, 8, 8)."""
    factor = autoencoder.config.scaling_factor if scaled else 1.0
    chunks = []
    for chunk in pictures.split(500):
        floats = as_floats(chunk).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            posterior = autoencoder.encode(floats).latent_dist
        chunks.append(posterior.mean.float().contiguous() * factor)
    return torch.cat(chunks)


@torch.no_grad()
def reconstruction_psnr(autoencoder: AutoencoderKL, data: Dataset, count: int = 400) -> float:
    """Mean peak signal-to-noise ratio, in dB, of reconstructed held-out pictures."""
    pictures = data.pictures[:count]
    latents = encode(autoencoder, pictures)
    decoded = autoencoder.decode(latents / autoencoder.config.scaling_factor).sample.clamp(-1, 1)
    error = ((decoded - as_floats(pictures)) / 2).pow(2).mean((1, 2, 3))
    return float(-10 * torch.log10(error).mean())
