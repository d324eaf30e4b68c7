"""Loading a base model: an embedded name, a folder, or a hub id; weights as safetensors only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import diffusers
import torch
import transformers
from safetensors import safe_open

from pipeline.config.embedded import embedded
from pipeline.config.user_path import user_path
from pipeline.diffusion.families import Family
from pipeline.diffusion.files import (
    INDEX,
    check_layers,
    check_links,
    check_weights,
    family_of,
    names_in,
    patterns,
)
from pipeline.diffusion.hub import cached, fetch, listed, may_be_hub_id
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.reading import index_of, reading


def load_model(
    base: str | Path, revision: str | None = None, device: torch.device | None = None
) -> DiffusionModel:
    """Load a model of any family, in float32, frozen.

    Args:
        base: an embedded name, a diffusers folder, or a hub id.
        revision: commit, tag or branch of a hub id.
        device: where to; the CPU if None.

    Raises:
        ValueError: there is no such model, it may not be fetched, its family is unknown, it has no
            safetensors of the parts we need, or they are damaged.
    """
    located = locate(str(base), revision)
    folder, family = located.folder, located.family
    # Bars for files that are read in a blink would drown the progress of the real work.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    pipeline = family.load(folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(device or torch.device("cpu"))
    for name in family.parts_in(folder):
        getattr(pipeline, name).eval().requires_grad_(requires_grad=False)
    for name in family.convolutional:
        getattr(pipeline, name).to(memory_format=torch.channels_last)
    digest = fingerprint(folder)
    noise = family.noise(pipeline)
    dtype = stored_dtype(folder / family.denoiser)
    return DiffusionModel(family, pipeline, noise, folder, digest, digest, dtype, located.commit)


def fastest_device() -> torch.device:
    """A GPU if this process sees one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fingerprint(folder: Path) -> str:
    """SHA-256 over the weights and configurations of a model's folder."""
    digest = hashlib.sha256()
    # Tokenizers are JSON and text: they decide a prompt's states as much as the weights do.
    kinds = ("safetensors", "json", "txt")
    files = [path for kind in kinds for path in folder.glob(f"*/*.{kind}")]
    for path in sorted(files):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    names = index_of(folder).get("id2label")
    if names is not None:
        # The names of classes are to such a model what a tokenizer is to others.
        digest.update(json.dumps(names, sort_keys=True).encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Located:
    """A model's files on this machine.

    Attributes:
        folder: in diffusers' layout.
        family: which its `model_index.json` names.
        commit: of the hub's repository that they are from; None for all others.
    """

    folder: Path
    family: Family
    commit: str | None = None


def locate(base: str, revision: str | None = None) -> Located:
    """Find a model, or fetch of it what its family reads; nothing is loaded.

    Raises:
        ValueError: as for `load_model`.
    """
    inside = embedded("base", base)
    path = user_path(base) if inside is None else inside
    if path.is_dir():
        folder = path.resolve()
        family = family_of(folder)
        check_weights(family, folder, names_in(folder), folder)
        _check(family, folder)
        return Located(folder, family)
    if not may_be_hub_id(base):
        raise ValueError(
            f"model {base!r}: expected an embedded model (fashion-canvas), a folder in diffusers' "
            "layout, or a hub id such as owner/name; there is no such folder"
        )
    # First what says which family it is, and with it which of the files are needed.
    first = fetch("model", base, [INDEX], revision)
    family = family_of(first.folder)
    names = listed(base, first.commit)
    if names is not None:
        check_weights(family, first.folder, names, base)
    needed = patterns(family, first.folder)
    found = cached(base, needed, first.commit) or fetch("model", base, needed, first.commit)
    check_weights(family, found.folder, names_in(found.folder), base)
    _check(family, found.folder)
    return Located(found.folder, family, found.commit)


def _check(family: Family, folder: Path) -> None:
    check_links(family, folder)
    for part in family.parts_in(folder):
        check_layers(folder / part)


def stored_dtype(part: Path) -> torch.dtype:
    """The precision of a part's weights on disk.

    Raises:
        ValueError: the file is damaged, or its numbers are none that a model computes with.
    """
    # The shortest name is the plain one, which is what is loaded; others are variants of it.
    found = part.glob("*.safetensors")
    path = min(found, key=lambda path: (len(path.name), path.name))
    with reading(path, "whole safetensors"), safe_open(path, "pt") as file:
        names = list(file.keys())
        dtype: torch.dtype = file.get_tensor(names[0]).dtype if names else torch.bool
    if not dtype.is_floating_point:
        raise ValueError(
            f"{path}: expected weights in floating point, got {dtype if names else 'none'}; fetch "
            "or save the model again"
        )
    return dtype
