"""Class-conditional U-Nets over pixels (Ho et al. 2020, arXiv 2006.11239), as for CIFAR-10."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from diffusers import DDIMPipeline, DDPMPipeline, DiffusionPipeline
from torch import Tensor, nn

from pipeline.diffusion.families.class_conditional import ClassConditional, are_names
from pipeline.diffusion.families.family import Pipeline


class ClassUNet(ClassConditional):
    """See `Family`: a `UNet2DModel` with `num_class_embeds`, whose latents are its pixels.

    The names of its K classes are `id2label` in `unet/config.json`, where they stay with the
    weights (`unet.register_to_config(id2label={0: ..., 1: ...})` before saving writes them there).
    K + 1 embeddings are K classes and a null class; with K there is none, and no guidance.
    What reads the class is its embedding and what projects that into each block.
    """

    pipeline: ClassVar[type[DiffusionPipeline]] = DDPMPipeline
    denoiser: ClassVar[str] = "unet"
    parts: ClassVar[tuple[str, ...]] = ("unet",)
    convolutional: ClassVar[tuple[str, ...]] = ("unet",)
    cross_attention: ClassVar[str] = r"^class_embedding\.|\.time_emb_proj\."

    def load(self, folder: Path, **ready: nn.Module) -> Pipeline:
        """See `Family`.

        Raises:
            ValueError: the U-Net is told no class, or its classes do not all have names.
        """
        pipeline = super().load(folder, **ready)
        config, path = pipeline.unet.config, folder / "unet" / "config.json"
        embeddings = config.num_class_embeds
        if embeddings is None:
            raise ValueError(
                f"{path}: expected num_class_embeds, the number of the U-Net's classes, found "
                "none; a model that is told neither prompt nor class has no concept to forget"
            )
        names = config.get("id2label")
        labels = sorted(int(label) for label in names) if are_names(names) else []
        if labels not in (list(range(embeddings)), list(range(embeddings - 1))):
            raise ValueError(
                f'{path}: expected the names of all classes as "id2label": {{"0": "first name", '
                f'"1": "second name", ...}}, {embeddings} of them or, if the last of the '
                f"{embeddings} embeddings is a null class, {embeddings - 1}; got labels {labels}"
            )
        return pipeline

    def id2label(self, pipeline: Pipeline) -> Mapping[Any, str]:
        """See `ClassConditional`."""
        names: Mapping[Any, str] = pipeline.unet.config.id2label
        return names

    def null_class(self, pipeline: Pipeline) -> int | None:
        """The label behind all classes, if it has an embedding."""
        classes = len(self.id2label(pipeline))
        return classes if pipeline.unet.config.num_class_embeds > classes else None

    def encode_images(self, pipeline: Pipeline, pictures: Tensor) -> Tensor:
        """The pictures themselves; for a model of gray ones the mean of their channels."""
        gray = pipeline.unet.config.in_channels == 1
        return pictures.mean(1, keepdim=True) if gray else pictures

    def picture_shape(self, pipeline: Pipeline) -> tuple[int, int]:
        """See `Family`."""
        _, height, width = self.latent_shape(pipeline)
        return (height, width)

    def decode(self, pipeline: Pipeline, latents: Tensor) -> Tensor:  # noqa: ARG002
        """The latents themselves; gray ones in three equal channels."""
        return latents.expand(-1, 3, -1, -1)


class ClassUNetDDIM(ClassUNet):
    """The same in a folder that names `DDIMPipeline`, which samples without noise of its own."""

    pipeline: ClassVar[type[DiffusionPipeline]] = DDIMPipeline
