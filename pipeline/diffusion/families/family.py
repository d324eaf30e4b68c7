"""What differs between kinds of diffusion models; no other code asks which kind one is.

Legend: B pictures, C latent channels, H W latent sides.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import torch
from diffusers import DiffusionPipeline
from torch import Tensor, nn

from pipeline.diffusion.conditions import Conditions
from pipeline.diffusion.families.autoencoder import decoded, encoded, reduction
from pipeline.diffusion.families.part import load_part
from pipeline.diffusion.noise import NoiseProcess
from pipeline.diffusion.reading import index_of, reading

Pipeline: TypeAlias = DiffusionPipeline


@dataclass(frozen=True)
class Drawing:
    """How a batch of pictures is sampled.

    Attributes:
        steps: denoising steps.
        guidance: classifier-free guidance scale, or the number that a guidance-distilled model
            takes for it; 1 is none.
        generators: one a picture, for schedulers that draw noise of their own.
    """

    steps: int
    guidance: float
    generators: list[torch.Generator]


class Family(ABC):
    """An adapter: stateless, all it knows of a model is its pipeline.

    Attributes:
        pipeline: diffusers' class, which a model's `model_index.json` names.
        denoiser: which of its parts denoises.
        parts: those with weights, the denoiser among them.
        optional: what a model may do without; its `model_index.json` then has null there.
        convolutional: those that are faster with channels last in memory.
        cross_attention: regular expression of the denoiser's parameters that read the prompt.
        text_encoders: those that may be trained: CLIPs; a T5 stays as it is.
        prompt_projections: how the names of those end that turn a prompt's states into keys and
            values; none where a prompt has no states of its own.
        called_apart: regular expression of the denoiser's modules that it calls from outside of the
            blocks they lie in, too.
    """

    pipeline: ClassVar[type[DiffusionPipeline]]
    denoiser: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]] = ()
    convolutional: ClassVar[tuple[str, ...]] = ("vae",)
    cross_attention: ClassVar[str]
    text_encoders: ClassVar[tuple[str, ...]] = ()
    prompt_projections: ClassVar[tuple[str, ...]] = ()
    called_apart: ClassVar[str | None] = None

    def load(self, folder: Path, **ready: nn.Module) -> Pipeline:
        """Read a pipeline in float32, from safetensors alone; parts that are ready are not read.

        Raises:
            ValueError: its files are damaged, or do not make such a pipeline.
        """
        missing = [part for part in self.parts_in(folder) if part not in ready]
        read = {part: load_part(folder, part) for part in missing}
        with reading(folder, f"what makes a {self.pipeline.__name__}"):
            return self.pipeline.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                **read,
                **dict.fromkeys(self._left_out(folder)),
                **self._absent_parts(),
                **ready,
            )

    def parts_in(self, folder: Path) -> list[str]:
        """The parts with weights that a model's folder should hold."""
        left_out = self._left_out(folder)
        return [part for part in self.parts if part not in left_out]

    def unused_in(self, folder: Path) -> list[str]:
        """What of a model's folder is not read: what it may do without, and what has no use."""
        return [*self._left_out(folder), *self._absent_parts()]

    def around(self, pipeline: Pipeline, parts: Mapping[str, nn.Module | None]) -> Pipeline:
        """Another pipeline around some parts; all others are shared."""
        return type(pipeline)(**{**pipeline.components, **parts})

    @abstractmethod
    def noise(self, pipeline: Pipeline) -> NoiseProcess:
        """How the model's latents become noise."""

    @abstractmethod
    def latent_shape(self, pipeline: Pipeline) -> tuple[int, int, int]:
        """(C, H, W) of one picture's latent."""

    @abstractmethod
    def encode_prompts(self, pipeline: Pipeline, texts: Sequence[str]) -> Conditions:
        """What the model's text encoders make of prompts: B rows, float32."""

    def retell(self, pipeline: Pipeline, texts: Sequence[str], told: Conditions) -> Conditions:
        """What changed text encoders make of prompts, gradients and all.

        Args:
            pipeline: with the changed ones.
            texts: B prompts.
            told: what the unchanged model made of them, for what stays.
        """
        return Conditions({**told.tensors, **self.encode_prompts(pipeline, texts).tensors})

    @abstractmethod
    def predict(
        self, denoiser: nn.Module, noisy: Tensor, times: Tensor, conditions: Conditions
    ) -> Tensor:
        """The denoiser's prediction, (B, C, H, W).

        Args:
            denoiser: of this family, or what wraps one for several workers.
            noisy: (B, C, H, W).
            times: (B,), as the noise process draws them.
            conditions: B rows.
        """

    @abstractmethod
    def sample(
        self,
        pipeline: Pipeline,
        conditions: Conditions,
        empty: Conditions,
        noise: Tensor,
        drawing: Drawing,
    ) -> Tensor:
        """Scaled latents (B, C, H, W) of the pipeline's own sampling.

        Args:
            pipeline: what samples.
            conditions: B rows.
            empty: those of the empty prompt, B rows, for guidance.
            noise: to begin with, (B, C, H, W).
            drawing: how.
        """

    def encode_images(self, pipeline: Pipeline, pictures: Tensor) -> Tensor:
        """Scaled latents (B, C, H, W) of pictures (B, 3, sides) in [-1, 1]."""
        return encoded(pipeline.vae, pictures)

    def decode(self, pipeline: Pipeline, latents: Tensor) -> Tensor:
        """Pictures (B, 3, sides) of scaled latents, about in [-1, 1]."""
        return decoded(pipeline.vae, latents)

    def picture_shape(self, pipeline: Pipeline) -> tuple[int, int]:
        """(height, width) of the pictures that latents of the model's own shape stand for."""
        _, height, width = self.latent_shape(pipeline)
        times = reduction(pipeline.vae)
        return (height * times, width * times)

    def _absent_parts(self) -> dict[str, Any]:
        """Arguments that keep the pipeline from loading what unlearning has no use for."""
        return {}

    def _left_out(self, folder: Path) -> list[str]:
        index = index_of(folder)
        return [part for part in self.optional if index.get(part, [None])[0] is None]
