"""The base model's U-Net and text encoder, trained together on the autoencoder's latents."""

from __future__ import annotations

from dataclasses import replace

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPModel, CLIPTextModel

from pipeline.canvas.schooling import Schedule

SCHEDULE = Schedule(
    steps=4500, batch=64, learning_rate=1e-3, weight_decay=0.01, seed=5, ema_decay=0.999
)
TYPICAL_SCHEDULE = replace(SCHEDULE, steps=1500, learning_rate=4e-4, warmup=50, seed=7)
_UNCONDITIONAL_SHARE = 0.1
_WEIGHT_CAP = 5.0


def noise_scheduler() -> DDIMScheduler:
    """v-prediction with zero terminal signal (Lin et al. 2024, arXiv 2305.08891).

    A schedule that leaves a trace of the picture at the last step ties the overall brightness to
    the starting noise, and black and white backgrounds come out gray.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
    )


def new_unet() -> UNet2DConditionModel:
    """An untrained U-Net over 8 x 8 latents with cross-attention at 4 x 4."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(96, 160),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=128,
        attention_head_dim=4,  # diffusers reads this as the number of heads
        norm_num_groups=16,
    ).to(memory_format=torch.channels_last)


def text_encoder_of(clip: CLIPModel) -> CLIPTextModel:
    """A text encoder that starts from the CLIP's text tower."""
    encoder = CLIPTextModel(clip.config.text_config)
    weights = clip.text_model.state_dict()
    prefix = "text_model." if next(iter(encoder.state_dict())).startswith("text_model.") else ""
    encoder.load_state_dict({f"{prefix}{key}": value for key, value in weights.items()})
    return encoder


class DenoiserLoss:
    """Weighted v-prediction loss on latents and captions.

    The weight min(1, 5 / (snr + 1)) is Min-SNR's (Hang et al. 2023, arXiv 2303.09556) without its
    fall towards pure noise: there colours and backgrounds are decided.
    """

    def __init__(
        self,
        unet: UNet2DConditionModel,
        text_encoder: CLIPTextModel,
        latents: Tensor,
        token_ids: Tensor,
        empty_ids: Tensor,
        batch: int,
    ) -> None:
        self.batch = batch
        self.unet, self.text_encoder = unet, text_encoder
        self.latents, self.token_ids, self.empty_ids = latents, token_ids, empty_ids
        self.signal = noise_scheduler().alphas_cumprod

    def __call__(self, generator: torch.Generator) -> Tensor:
        """The loss of one batch drawn from the generator."""
        batch = self.batch
        rows = torch.randint(len(self.latents), (batch,), generator=generator)
        column = torch.randint(self.token_ids.shape[1], (batch,), generator=generator)
        latents, ids = self.latents[rows], self.token_ids[rows, column].long()
        ids[torch.rand(batch, generator=generator) < _UNCONDITIONAL_SHARE] = self.empty_ids
        # One timestep from each of `batch` equal strata: the loss is steadier than with free draws.
        place = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
        timesteps = (place * len(self.signal)).long().clamp(max=len(self.signal) - 1)
        signal = self.signal[timesteps].view(-1, 1, 1, 1)
        noise = torch.randn(latents.shape, generator=generator)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        target = signal.sqrt() * noise - (1 - signal).sqrt() * latents
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = self.text_encoder(ids).last_hidden_state
            predicted = self.unet(
                noisy.contiguous(memory_format=torch.channels_last), timesteps, states
            ).sample
        # snr + 1 = 1 / (1 - signal)
        weight = (_WEIGHT_CAP * (1 - signal)).clamp(max=1.0)
        error = (predicted.float() - target).pow(2)
        loss: Tensor = (weight * error).mean() / weight.mean()
        return loss
