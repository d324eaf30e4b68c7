"""Between pictures and the scaled latents that a denoiser sees (Rombach et al. 2022, section 3.1).

Legend: B pictures, C latent channels, H W latent sides.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor


def encoded(vae: AutoencoderKL, pictures: Tensor) -> Tensor:
    """Scaled latents (B, C, H, W) of pictures (B, 3, sides) in [-1, 1]: the posterior's mode.

    The mode and not a draw, so that a picture has the same latent every time.
    """
    latents: Tensor = vae.encode(pictures).latent_dist.mode()
    shift = vae.config.get("shift_factor")
    centred = latents if shift is None else latents - shift
    return torch.as_tensor(centred * vae.config.scaling_factor)


def decoded(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Pictures (B, 3, sides), about in [-1, 1], of scaled latents (B, C, H, W)."""
    unscaled = latents / vae.config.scaling_factor
    shift = vae.config.get("shift_factor")
    pictures = vae.decode(unscaled if shift is None else unscaled + shift).sample
    return torch.as_tensor(pictures)


def reduction(vae: AutoencoderKL) -> int:
    """How many times shorter the sides of latents are."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))
