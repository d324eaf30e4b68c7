"""What of a model is trained: copies of its parts, and the list of the parameters that move."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from pipeline.config import ModelConfig
from pipeline.diffusion.families import Family
from pipeline.diffusion.families.family import Pipeline
from pipeline.diffusion.lora import add_adapters
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.parameters import names_to_train, trainable
from pipeline.diffusion.sharing import copy_around


@dataclass(frozen=True)
class Trained:
    """Copies of a model's parts in which some parameters move.

    Attributes:
        parts: by name in the pipeline: the denoiser, or text encoders.
        parameters: those that move, the one list that optimiser, gradients and checkpoints share;
            by name in the denoiser, or `part.name` in a text encoder.
    """

    parts: Mapping[str, nn.Module]
    parameters: dict[str, nn.Parameter]


@dataclass(frozen=True)
class Count:
    """How much is trained.

    Attributes:
        trained: numbers that move.
        of: numbers of the denoiser, or of the text encoders where these are trained.
        bytes: that the trained ones take in float32, in which training holds them.
    """

    trained: int
    of: int
    bytes: int

    @property
    def share(self) -> float:
        """Of the part's own parameters; adapters' factors stand beside these."""
        return self.trained / self.of

    def __str__(self) -> str:
        mebibytes = self.bytes / 2**20
        return f"{self.trained:,} parameters ({self.share:.2%}, {mebibytes:,.1f} MiB in float32)"


def copy_to_train(model: DiffusionModel, settings: ModelConfig, seed: int) -> Trained:
    """Copies of the parts that settings train; what is not chosen is the model's own, and frozen.

    Args:
        model: what it predicts is not touched.
        settings: which parameters.
        seed: of adapters' first values.

    Raises:
        ValueError: the model has none of the chosen parameters.
    """
    if settings.train == "text_encoder":
        return _text_encoders(model, settings, seed)
    names = names_to_train(model.denoiser, model.family, settings)
    denoiser = copy_around(model.denoiser, () if settings.lora is not None else names)
    parameters = trainable(denoiser, model.family, settings, seed)
    return Trained({model.family.denoiser: denoiser}, parameters)


def count_trained(model: DiffusionModel, trained: Trained) -> Count:
    """How much of a model is trained, and of how much.

    Args:
        model: the base; adapters are none of its parameters.
        trained: what `copy_to_train` made of it.
    """
    number = sum(parameter.numel() for parameter in trained.parameters.values())
    own = sum(
        p.numel() for part in trained.parts for p in getattr(model.pipeline, part).parameters()
    )
    return Count(number, own, number * torch.float32.itemsize)


def write_count(path: Path, count: Count) -> None:
    """Write a count as JSON, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({**asdict(count), "share": count.share}, indent=1) + "\n")
    partial.replace(path)


def read_count(path: Path) -> Count | None:
    """The count that was written; None if there is none."""
    try:
        told = json.loads(path.read_text())
        return Count(told["trained"], told["of"], told["bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def encoders_to_train(family: Family, pipeline: Pipeline) -> tuple[str, ...]:
    """Names of the text encoders that may be trained.

    Raises:
        ValueError: the family has none.
    """
    if not family.text_encoders:
        raise ValueError(
            "model.train: expected a model with a text encoder, got "
            f"{type(pipeline).__name__}, which is told classes; train cross_attention, which "
            "stands for what reads the class"
        )
    return family.text_encoders


def chosen_of_encoders(names: Sequence[str], settings: ModelConfig) -> set[str]:
    """Those of the text encoders' parameters, `part.name`, that settings choose.

    Raises:
        ValueError: none.
    """
    chosen = {name for name in names if re.search(settings.pattern or "", name)}
    if not chosen:
        raise ValueError(
            "model.train: expected text encoders with parameters whose names hold "
            f"{settings.pattern}, found none; they are named like {', '.join(names[:3])}"
        )
    return chosen


def trainable_of_encoder(
    encoder: nn.Module, own: Collection[str], settings: ModelConfig, seed: int = 0
) -> dict[str, nn.Parameter]:
    """Mark chosen parameters of a frozen text encoder, or adapters beside them, as trainable.

    Args:
        encoder: gets adapters where the settings ask for them and it has linear layers among `own`.
        own: names of the chosen parameters.
        settings: whether there are adapters.
        seed: of the adapters' first values.
    """
    if settings.lora is None:
        found = {each: p for each, p in encoder.named_parameters() if each in own}
    elif any(isinstance(encoder.get_submodule(each.rpartition(".")[0]), nn.Linear) for each in own):
        found = add_adapters(encoder, own, settings.lora, seed)
    else:
        found = {}
    for parameter in found.values():
        parameter.requires_grad_(True)
    return found


def _text_encoders(model: DiffusionModel, settings: ModelConfig, seed: int) -> Trained:
    names = encoders_to_train(model.family, model.pipeline)
    chosen = chosen_of_encoders(_read_from(model), settings)
    parameters: dict[str, nn.Parameter] = {}
    parts: dict[str, nn.Module] = {}
    for name in names:
        own = {each.removeprefix(f"{name}.") for each in chosen if each.startswith(f"{name}.")}
        moving = () if settings.lora is not None else own
        # A copy keeps its original's way of computing: no dropout.
        parts[name] = encoder = copy_around(getattr(model.pipeline, name), moving)
        found = trainable_of_encoder(encoder, own, settings, seed)
        parameters |= {f"{name}.{each}": parameter for each, parameter in found.items()}
    if not parameters:
        raise ValueError(
            "model.lora: expected linear layers among the parameters that model.train chooses, "
            "found none; choose others"
        )
    return Trained(parts, parameters)


def _read_from(model: DiffusionModel) -> list[str]:
    """Names of the parameters that a prompt's conditions depend on.

    Some families read states below an encoder's last layer, which then has no gradient.
    """
    parts: dict[str, nn.Module] = {
        name: getattr(model.pipeline, name).requires_grad_(requires_grad=True)
        for name in model.family.text_encoders
    }
    told = model.encode_prompts([""])
    again = model.family.retell(model.pipeline, [""], told)
    total = sum(t.sum() for t in again.tensors.values() if t.requires_grad)
    torch.as_tensor(total).backward()
    read = []
    for part, encoder in parts.items():
        for name, parameter in encoder.named_parameters():
            if parameter.grad is not None:
                read.append(f"{part}.{name}")
            parameter.grad = None
        encoder.requires_grad_(requires_grad=False)
    return read
