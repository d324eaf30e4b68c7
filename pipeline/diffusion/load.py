"""Loading a base model: an embedded name, a folder, or a hub id; weights as safetensors only."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import DiffusionPipeline
from safetensors import safe_open

from pipeline.config.embedded import embedded
from pipeline.diffusion.families import FAMILIES, Family
from pipeline.diffusion.model import DiffusionModel


def load_model(
    base: str | Path, revision: str | None = None, device: torch.device | None = None
) -> DiffusionModel:
    """Load a model of any family, in float32, frozen.

    Args:
        base: an embedded name, a diffusers folder, or a hub id.
        revision: commit or tag of a hub id.
        device: where to; the CPU if None.

    Raises:
        ValueError: there is no such model, its family is unknown, or it has no safetensors of the
            parts we need.
    """
    folder = model_folder(str(base), revision)
    family = family_of(folder)
    _check_weights(folder, family)
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
    return DiffusionModel(family, pipeline, noise, folder, digest, digest, dtype)


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
    names = json.loads((folder / "model_index.json").read_text(encoding="utf-8")).get("id2label")
    if names is not None:
        # The names of classes are to such a model what a tokenizer is to others.
        digest.update(json.dumps(names, sort_keys=True).encode())
    return digest.hexdigest()


def model_folder(base: str, revision: str | None) -> Path:
    """Where a model's files lie, once they are fetched.

    Raises:
        ValueError: there is no such model.
    """
    inside = embedded("base", base)
    if inside is not None:
        return inside
    path = Path(base).expanduser()
    if path.is_dir():
        return path.resolve()
    if base.startswith((".", "/", "~")) or base.count("/") != 1:
        raise ValueError(
            f"model {base!r}: expected an embedded model (fashion-canvas), a folder in diffusers' "
            "layout, or a hub id such as owner/name; there is no such folder"
        )
    try:
        return Path(DiffusionPipeline.download(base, revision=revision, use_safetensors=True))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"model {base!r}: could not be fetched from the hub ({error}); check its name, your "
            "access to it and the network, or give a local folder"
        ) from error


def family_of(folder: Path) -> Family:
    """The family that a model's `model_index.json` names.

    Raises:
        ValueError: it names none that we know.
    """
    index = folder / "model_index.json"
    if not index.is_file():
        raise ValueError(
            f"{folder}: expected a diffusers pipeline (a folder with model_index.json)"
        )
    try:
        name = json.loads(index.read_text(encoding="utf-8"))["_class_name"]
        return FAMILIES[name]
    except (ValueError, KeyError, TypeError):
        found = index.read_text(encoding="utf-8", errors="replace")
        raise ValueError(
            f"{index}: expected _class_name to be one of {', '.join(FAMILIES)}, got {found[:200]}"
        ) from None


def _check_weights(folder: Path, family: Family) -> None:
    for part in family.parts_in(folder):
        if not any((folder / part).glob("*.safetensors")):
            raise ValueError(
                f"{folder / part}: expected weights as .safetensors, found none; convert the model "
                "with diffusers' save_pretrained(safe_serialization=True)"
            )


def stored_dtype(part: Path) -> torch.dtype:
    """The precision of a part's weights on disk."""
    # The shortest name is the plain one, which is what is loaded; others are variants of it.
    found = part.glob("*.safetensors")
    path = min(found, key=lambda path: (len(path.name), path.name))
    with safe_open(path, "pt") as file:
        name = next(iter(file.keys()))
        dtype: torch.dtype = file.get_tensor(name).dtype
    return dtype
