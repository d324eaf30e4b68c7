"""DiT (Peebles & Xie 2023, arXiv 2212.09748): a transformer over latents that is told a class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from diffusers import DiffusionPipeline, DiTPipeline
from torch import nn

from pipeline.config.problems import quote
from pipeline.diffusion.families.class_conditional import (
    ClassConditional,
    are_names,
    labels_by_name,
)
from pipeline.diffusion.families.family import Pipeline
from pipeline.diffusion.reading import index_of


class DiT(ClassConditional):
    """See `Family`. The names of the classes are `id2label` in `model_index.json`.

    What reads the class is its embedding and the layers that make scales and shifts of it.
    """

    pipeline: ClassVar[type[DiffusionPipeline]] = DiTPipeline
    denoiser: ClassVar[str] = "transformer"
    parts: ClassVar[tuple[str, ...]] = ("transformer", "vae")
    cross_attention: ClassVar[str] = r"\.class_embedder\.|\.norm1\.linear\.|^proj_out_1\."
    called_apart: ClassVar[str | None] = r"\.norm1\.emb$"

    def load(self, folder: Path, **ready: nn.Module) -> Pipeline:
        """See `Family`.

        Raises:
            ValueError: the classes have no names, or names have no class.
        """
        pipeline = super().load(folder, **ready)
        index = folder / "model_index.json"
        id2label = index_of(folder).get("id2label")
        if not are_names(id2label):
            raise ValueError(
                f"{index}: expected the names of the classes as "
                '"id2label": {"0": "first name", "1": "second name", ...}, '
                f"got {quote(id2label)}"
            )
        classes = pipeline.transformer.config.num_embeds_ada_norm
        for name, label in labels_by_name(id2label).items():
            if not 0 <= label < classes:
                raise ValueError(
                    f"{index}: expected labels from 0 to {classes - 1} in id2label, as the "
                    f"transformer has {classes} classes, got {label} for {name!r}"
                )
        return _with_names(pipeline, id2label)

    def around(self, pipeline: Pipeline, parts: Mapping[str, nn.Module | None]) -> Pipeline:
        """See `Family`."""
        return _with_names(super().around(pipeline, parts), self.id2label(pipeline))

    def id2label(self, pipeline: Pipeline) -> Mapping[Any, str]:
        """See `ClassConditional`."""
        names: Mapping[Any, str] = pipeline.config.id2label
        return names

    def null_class(self, pipeline: Pipeline) -> int:
        """The label behind all classes: diffusers' transformer always embeds one."""
        classes: int = pipeline.transformer.config.num_embeds_ada_norm
        return classes


def _with_names(pipeline: Pipeline, id2label: Mapping[Any, str]) -> Pipeline:
    """The pipeline with the names in its configuration, where diffusers itself drops them."""
    pipeline.register_to_config(id2label=dict(id2label))
    pipeline.labels = dict(sorted(labels_by_name(id2label).items()))
    return pipeline
