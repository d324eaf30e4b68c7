"""A diffusion model in the parts that unlearning needs, whatever its family.

Legend: B pictures, C latent channels, H W latent sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from pipeline.diffusion.conditions import Conditions
from pipeline.diffusion.families import Family
from pipeline.diffusion.families.family import Pipeline
from pipeline.diffusion.noise import NoiseProcess

PRECISIONS: Final = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
"""Precisions of matrix products as experiments name them."""


def products_in(precision: torch.dtype, device: torch.device) -> torch.autocast:
    """Within it matrix products are done in a precision; float32 changes nothing."""
    whole = precision == torch.float32
    return torch.autocast(
        device.type, dtype=torch.bfloat16 if whole else precision, enabled=not whole
    )


@dataclass(frozen=True)
class DiffusionModel:
    """A frozen model; training works on a copy of its denoiser.

    Attributes:
        family: its adapter.
        pipeline: the diffusers pipeline that owns the parts.
        noise: how its latents become noise.
        folder: where its files lie.
        fingerprint: SHA-256 over its weights and configurations.
        text_fingerprint: that of the model whose text encoder this one shares.
        dtype: in which the denoiser's weights are stored there.
        commit: of the hub's repository that they are from; None for all others.
    """

    family: Family
    pipeline: Pipeline
    noise: NoiseProcess
    folder: Path
    fingerprint: str
    text_fingerprint: str
    dtype: torch.dtype
    commit: str | None = None

    @property
    def denoiser(self) -> nn.Module:
        """The network that predicts: a U-Net or a transformer."""
        denoiser: nn.Module = getattr(self.pipeline, self.family.denoiser)
        return denoiser

    @property
    def device(self) -> torch.device:
        """Where the parts live."""
        return next(self.denoiser.parameters()).device

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one picture's latent."""
        return self.family.latent_shape(self.pipeline)

    def with_denoiser(self, denoiser: nn.Module, fingerprint: str) -> DiffusionModel:
        """The same model around another denoiser; all other parts are shared."""
        return self.with_parts({self.family.denoiser: denoiser}, fingerprint)

    def with_parts(self, parts: Mapping[str, nn.Module], fingerprint: str) -> DiffusionModel:
        """The same model around some other parts; the rest is shared.

        Around another text encoder prompts have other states, which no store may mix up.
        """
        pipeline = self.family.around(self.pipeline, parts)
        pipeline.set_progress_bar_config(disable=True)
        rereads = not parts.keys().isdisjoint(self.family.text_encoders)
        text = fingerprint if rereads else self.text_fingerprint
        return replace(self, pipeline=pipeline, fingerprint=fingerprint, text_fingerprint=text)

    @torch.no_grad()
    def encode_prompts(self, texts: Sequence[str]) -> Conditions:
        """What the text encoders make of prompts: B rows, float32."""
        return self.family.encode_prompts(self.pipeline, texts)

    @property
    def picture_shape(self) -> tuple[int, int]:
        """(height, width) of its pictures."""
        return self.family.picture_shape(self.pipeline)

    @torch.no_grad()
    def encode_images(self, pictures: Tensor) -> Tensor:
        """Scaled latents (B, C, H, W), float32, of pictures (B, 3, height, width) in [-1, 1]."""
        return self.family.encode_images(self.pipeline, pictures.to(self.device)).float()

    def predict(
        self,
        denoiser: nn.Module,
        noisy: Tensor,
        times: Tensor,
        conditions: Conditions,
        precision: torch.dtype = torch.float32,
    ) -> Tensor:
        """A denoiser's prediction (B, C, H, W), float32.

        Args:
            denoiser: this model's, a copy, or what wraps one for several workers.
            noisy: (B, C, H, W).
            times: (B,), as the noise process draws them.
            conditions: B rows.
            precision: in which matrix products are done.
        """
        with products_in(precision, noisy.device):
            predicted = self.family.predict(denoiser, noisy, times, conditions)
        return predicted.float()
