"""Saving what an unlearning changed, and putting it back around the base."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.diffusion.lora import is_lora, merged
from pipeline.diffusion.model import DiffusionModel

_READABLE = 0o644  # safetensors writes files that their owner alone can read


def save_weights(
    parameters: Mapping[str, Tensor], path: Path, dtype: torch.dtype, story: dict[str, str]
) -> None:
    """Write tensors, in one precision and atomically.

    Args:
        parameters: what changed, by name in the denoiser; or adapters' factors.
        path: of the file.
        dtype: the precision.
        story: where the weights come from; `base` is the base's fingerprint.
    """
    tensors = {name: value.detach().to("cpu", dtype) for name, value in parameters.items()}
    partial = path.with_suffix(".partial")
    # One entry: safetensors writes several in an order of chance, and equal weights should make
    # equal files.
    metadata = {"story": json.dumps(story, sort_keys=True)}
    save_file({name: value.contiguous() for name, value in tensors.items()}, partial, metadata)
    partial.chmod(_READABLE)
    partial.replace(path)


def apply_weights(model: DiffusionModel, path: Path) -> DiffusionModel:
    """The model with the tensors of a weights file in place of its own; the base is not touched.

    Raises:
        ValueError: the file is damaged, belongs to another base, or does not fit the denoiser.
    """
    try:
        with safe_open(path, "pt") as file:
            # The library opens a handle that only lists names through its own method.
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            story = json.loads((file.metadata() or {}).get("story", "{}"))
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: expected readable safetensors, got: {error}") from error
    base = story.get("base", "unknown")
    if base != model.fingerprint:
        raise ValueError(
            f"{path}: made from the base {base[:12]}, expected {model.fingerprint[:12]}; "
            "load the base it was trained from"
        )
    denoiser = copy.deepcopy(model.denoiser)
    own = dict(denoiser.named_parameters())
    if is_lora(tensors):
        try:
            tensors = merged(own, tensors, model.family.denoiser)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    for name, tensor in tensors.items():
        if name not in own or own[name].shape != tensor.shape:
            shape = tuple(own[name].shape) if name in own else "no such parameter"
            raise ValueError(
                f"{path}: {name} has shape {tuple(tensor.shape)}, the denoiser has {shape}"
            )
        own[name].data.copy_(tensor)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return model.with_denoiser(denoiser, hashlib.sha256((base + digest).encode()).hexdigest())


def save_pipeline(model: DiffusionModel, folder: Path) -> None:
    """Write a complete diffusers folder in the base's own precision."""
    pipeline = copy.deepcopy(model.pipeline).to(dtype=model.dtype)
    pipeline.save_pretrained(folder, safe_serialization=True)
    for path in folder.rglob("*.safetensors"):
        path.chmod(_READABLE)
    load_in_full_precision(folder)


def load_in_full_precision(folder: Path) -> None:
    """Let a pipeline's folder load in float32 where the reader names no dtype.

    transformers would load a text encoder in the precision its configuration names, beside a
    denoiser that diffusers loads in float32, and the first prompt would fail.
    """
    for path in folder.glob("text_encoder*/config.json"):
        config = json.loads(path.read_text()) | {"dtype": "float32"}
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
