"""A text-to-image diffusion model in the parts that unlearning needs.

Legend: B pictures, C latent channels, H W latent sides, L tokens, D width of a token's state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

Denoiser = torch.nn.Module
"""A U-Net, or what wraps one for several workers."""


@dataclass(frozen=True)
class DiffusionModel:
    """A frozen model; training works on a copy of its U-Net.

    Attributes:
        pipeline: the diffusers pipeline that owns the parts.
        folder: where its files lie.
        fingerprint: SHA-256 over its weights and configurations.
        text_fingerprint: that of the model whose text encoder this one shares.
        dtype: in which the U-Net's weights are stored there.
    """

    pipeline: StableDiffusionPipeline
    folder: Path
    fingerprint: str
    text_fingerprint: str
    dtype: torch.dtype

    @property
    def unet(self) -> UNet2DConditionModel:
        """The denoiser."""
        return self.pipeline.unet

    @property
    def vae(self) -> AutoencoderKL:
        """The autoencoder."""
        return self.pipeline.vae

    @property
    def noise_scheduler(self) -> SchedulerMixin:
        """The scheduler, whose configuration holds noise levels and prediction type."""
        return self.pipeline.scheduler

    @property
    def device(self) -> torch.device:
        """Where the parts live."""
        device: torch.device = self.unet.device
        return device

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one picture's latent."""
        side = self.unet.config.sample_size
        return (self.unet.config.in_channels, side, side)

    def with_unet(self, unet: UNet2DConditionModel, fingerprint: str) -> DiffusionModel:
        """The same model around another U-Net; all other parts are shared."""
        parts = {**self.pipeline.components, "unet": unet}
        pipeline = StableDiffusionPipeline(**parts, requires_safety_checker=False)
        pipeline.set_progress_bar_config(disable=True)
        return replace(self, pipeline=pipeline, fingerprint=fingerprint)

    @torch.no_grad()
    def encode_prompts(self, texts: Sequence[str]) -> Tensor:
        """Hidden states of prompts: (B, L, D), float32."""
        states, _ = self.pipeline.encode_prompt(
            list(texts), self.device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        return torch.as_tensor(states).float()

    def signal(self, timesteps: Tensor) -> Tensor:
        """Share of the latent's variance left at each timestep: (B, 1, 1, 1)."""
        cumulated: Tensor = self.noise_scheduler.alphas_cumprod
        return cumulated.to(timesteps.device)[timesteps].view(-1, 1, 1, 1)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Latents (B, C, H, W) at their timesteps (B,)."""
        signal = self.signal(timesteps)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        return noisy.contiguous(memory_format=torch.channels_last)

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the denoiser should predict: noise, or velocity (Salimans & Ho 2022)."""
        match self.noise_scheduler.config.prediction_type:
            case "epsilon":
                return noise
            case "v_prediction":
                signal = self.signal(timesteps)
                return signal.sqrt() * noise - (1 - signal).sqrt() * latents
            case other:
                raise ValueError(
                    f"{self.folder}: expected a scheduler with prediction_type epsilon or "
                    f"v_prediction, got {other}"
                )


def predict(
    denoiser: Denoiser,
    noisy: Tensor,
    timesteps: Tensor,
    states: Tensor,
    precision: torch.dtype = torch.float32,
) -> Tensor:
    """The denoiser's prediction (B, C, H, W), float32.

    Args:
        denoiser: a U-Net.
        noisy: (B, C, H, W).
        timesteps: (B,), from 0.
        states: the prompts' hidden states, (B, L, D).
        precision: in which matrix products are done.
    """
    with torch.autocast(
        noisy.device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16
    ):
        predicted = denoiser(noisy, timesteps, states).sample
    return torch.as_tensor(predicted).float()
