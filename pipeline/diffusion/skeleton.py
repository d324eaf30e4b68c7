"""A model without its weights: what can be known of it from its configuration alone.

Its parts are torch's fake tensors, which have shapes and no memory: a model of twelve billion
parameters takes no more than a tiny one, and runs, to no result, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import diffusers
import torch
import transformers
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from pipeline.config import ModelConfig
from pipeline.diffusion.conditions import Conditions
from pipeline.diffusion.families import Family
from pipeline.diffusion.families.family import Pipeline
from pipeline.diffusion.families.part import class_of
from pipeline.diffusion.load import fingerprint, locate, stored_dtype
from pipeline.diffusion.parameters import trainable
from pipeline.diffusion.reading import reading
from pipeline.diffusion.trained import (
    chosen_of_encoders,
    encoders_to_train,
    trainable_of_encoder,
)


@dataclass(frozen=True)
class Skeleton:
    """A model's shapes.

    Attributes:
        family: its adapter.
        pipeline: the diffusers pipeline around fake parts.
        folder: where its files lie.
        mode: inside which its parts run.
    """

    family: Family
    pipeline: Pipeline
    folder: Path
    mode: FakeTensorMode

    @property
    def fingerprint(self) -> str:
        """That of the whole model; it is what the store's keys hold."""
        return fingerprint(self.folder)

    @property
    def stored_bytes(self) -> int:
        """Bytes of one of the denoiser's parameters on disk."""
        return stored_dtype(self.folder / self.family.denoiser).itemsize

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one picture's latent."""
        return self.family.latent_shape(self.pipeline)

    def parameters(self) -> dict[str, int]:
        """Number of parameters by part."""
        parts = {part: getattr(self.pipeline, part) for part in self.family.parts_in(self.folder)}
        return {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}

    def conditions(self, text: str) -> Conditions:
        """What the text encoders would make of a prompt, one row of fake tensors."""
        with torch.no_grad():
            return self._told(partial(self.family.encode_prompts, self.pipeline), text)

    def retold(self, encoders: Mapping[str, nn.Module], text: str) -> Conditions:
        """The same by other text encoders, gradients and all."""
        told = self.conditions(text)
        with self.mode:
            pipeline = self.family.around(self.pipeline, encoders)
        return self._told(lambda texts: self.family.retell(pipeline, texts, told), text)

    def students(self, settings: ModelConfig) -> dict[str, nn.Module]:
        """Fake parts as a training has them: those of their parameters want gradients that move.

        Of text encoders all chosen ones do, though a family may not read the states of the last.

        Raises:
            ValueError: the model has none of them.
        """
        # peft moves adapters between devices, which fake tensors do not survive: shapes first.
        with torch.device("meta"):
            if settings.train == "text_encoder":
                names = encoders_to_train(self.family, self.pipeline)
                parts = {name: _part(self.folder, name) for name in names}
                every = [f"{at}.{name}" for at in parts for name, _ in parts[at].named_parameters()]
                chosen = chosen_of_encoders(every, settings)
                for at, part in parts.items():
                    part.requires_grad_(requires_grad=False)
                    own = [name for name, _ in part.named_parameters() if f"{at}.{name}" in chosen]
                    trainable_of_encoder(part, own, settings)
            else:
                denoiser = _part(self.folder, self.family.denoiser)
                trainable(denoiser, self.family, settings)
                parts = {self.family.denoiser: denoiser}
        with self.mode:
            for module in (each for part in parts.values() for each in part.modules()):
                for name, was in module.named_parameters(recurse=False):
                    empty = torch.empty(was.shape, dtype=was.dtype)
                    setattr(module, name, nn.Parameter(empty, was.requires_grad))
                for name, buffer in module.named_buffers(recurse=False):
                    setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))
        return parts

    def _told(self, told: Callable[[list[str]], Conditions], text: str) -> Conditions:
        with self.mode:
            try:
                return told([text])
            except DataDependentOutputException:
                # A pipeline that cuts a sentence off looks at what it loses. Shapes are the same.
                return told([text.split(maxsplit=1)[0]])


def moving(parts: Mapping[str, nn.Module]) -> int:
    """Number of the parameters that want gradients."""
    return sum(p.numel() for part in parts.values() for p in part.parameters() if p.requires_grad)


def skeleton(base: str, revision: str | None = None) -> Skeleton:
    """A model of any family without its weights; of a hub id the files are fetched if need be.

    Raises:
        ValueError: there is no such model, or its family is unknown.
    """
    located = locate(base, revision)
    folder, family = located.folder, located.family
    diffusers.utils.logging.disable_progress_bar()
    # Schedulers and tokenizers are real, and small.
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with mode:
        parts = {name: _part(folder, name) for name in family.parts_in(folder)}
    for part in parts.values():
        part.requires_grad_(requires_grad=False)
    pipeline = family.load(folder, **parts)
    pipeline.set_progress_bar_config(disable=True)
    return Skeleton(family, pipeline, folder, mode)


def _part(folder: Path, name: str) -> nn.Module:
    made = class_of(folder, name)
    verbosity = diffusers.utils.logging.get_verbosity()
    diffusers.utils.logging.set_verbosity_error()  # names of classes are no setting it knows
    try:
        with reading(folder / name / "config.json", f"that of a {made.__name__}"):
            if issubclass(made, transformers.PreTrainedModel):
                part: nn.Module = made(made.config_class.from_pretrained(folder / name))
            else:
                part = made.from_config(made.load_config(folder / name))
    finally:
        diffusers.utils.logging.set_verbosity(verbosity)
    return part.eval()
