"""Saving what an unlearning changed, and putting it back around the base."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.diffusion.lora import is_lora, merged
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.reading import reading
from pipeline.diffusion.sharing import copy_around
from pipeline.diffusion.store import digest_of

_READABLE = 0o644  # safetensors writes files that their owner alone can read


def save_weights(
    parameters: Mapping[str, Tensor], path: Path, dtype: torch.dtype, story: dict[str, str]
) -> None:
    """Write tensors, in one precision and atomically.

    Args:
        parameters: what changed, named as `apply_weights` reads it.
        path: of the file.
        dtype: the precision.
        story: where the weights come from; `base` is the base's fingerprint.
    """
    tensors = {
        name: value.detach().to("cpu", dtype).contiguous() for name, value in parameters.items()
    }
    partial = path.with_suffix(".partial")
    # One entry: safetensors writes several in an order of chance, and equal weights should make
    # equal files.
    metadata = {"story": json.dumps({**story, "digest": digest_of(tensors)}, sort_keys=True)}
    try:
        save_file(tensors, partial, metadata)
        partial.chmod(_READABLE)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())  # checkpoints are removed once it is there
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)  # a full disk needs its room


def apply_weights(model: DiffusionModel, path: Path) -> DiffusionModel:
    """The model with the tensors of a weights file in place of its own; the base is not touched.

    Names are the denoiser's own, or begin with the text encoder that they belong to; those of
    adapters always begin with their part, as diffusers writes them.

    Raises:
        ValueError: the file is damaged, belongs to another base, or does not fit the model.
    """
    tensors, story = _read(path)
    base = story.get("base", "unknown")
    if base != model.fingerprint:
        raise ValueError(
            f"{path}: made from the base {base[:12]}, expected {model.fingerprint[:12]}; "
            "load the base it was trained from"
        )
    parts: dict[str, nn.Module] = {}
    for part, own in _by_part(model, tensors).items():
        try:
            parts[part] = _put(getattr(model.pipeline, part), own, part)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return model.with_parts(parts, hashlib.sha256((base + digest).encode()).hexdigest())


def is_adapters(path: Path) -> bool:
    """Whether a weights file holds adapters' factors.

    Raises:
        ValueError: it is damaged.
    """
    return is_lora(_read(path)[0])


def changed_tensors(model: DiffusionModel, base: DiffusionModel) -> dict[str, Tensor]:
    """What differs from the base, named as `apply_weights` reads it."""
    family = base.family
    changed: dict[str, Tensor] = {}
    for part in (family.denoiser, *family.text_encoders):
        start = "" if part == family.denoiser else f"{part}."
        before = dict(getattr(base.pipeline, part).named_parameters())
        for name, parameter in getattr(model.pipeline, part).named_parameters():
            if not torch.equal(parameter, before[name]):
                changed[start + name] = parameter.detach()
    return changed


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    remedy = "train or promote it again"
    with reading(path, "readable safetensors", remedy), safe_open(path, "pt") as file:
        # The library opens a handle that only lists names through its own method.
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        story = json.loads((file.metadata() or {}).get("story", "{}"))
    told = story if isinstance(story, dict) else {}
    if told.get("digest", digest_of(tensors)) != digest_of(tensors):
        raise ValueError(f"{path}: expected the numbers that were written, got others; {remedy}")
    return tensors, {str(key): str(value) for key, value in told.items()}


def _by_part(model: DiffusionModel, tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        first, _, rest = name.partition(".")
        part = first if first in model.family.text_encoders else model.family.denoiser
        own = rest if first == part else name
        parts.setdefault(part, {})[own] = tensor
    return parts


def _put(module: nn.Module, tensors: Mapping[str, Tensor], part: str) -> nn.Module:
    own = dict(module.named_parameters())
    changed = merged(own, tensors, part) if is_lora(tensors) else tensors
    for name, tensor in changed.items():
        if name not in own or own[name].shape != tensor.shape:
            shape = tuple(own[name].shape) if name in own else "no such parameter"
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, the {part} has {shape}")
    around = copy_around(module, changed.keys())
    new = dict(around.named_parameters())
    for name, tensor in changed.items():
        new[name].data.copy_(tensor)
    return around


def save_pipeline(model: DiffusionModel, folder: Path) -> None:
    """Write a complete diffusers folder in the base's own precision.

    The same model gives the same files, whatever its tokenizers were asked before: how the last
    prompts were cut and filled up is set anew at every call, but stands in `tokenizer.json`.
    """
    pipeline = copy.deepcopy(model.pipeline).to(dtype=model.dtype)
    for part in pipeline.components.values():
        tokenizer = getattr(part, "backend_tokenizer", None)
        if tokenizer is not None:
            tokenizer.no_truncation()
            tokenizer.no_padding()
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
