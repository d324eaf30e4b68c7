"""Loading a base model: an embedded name, a folder, or a hub id; weights as safetensors only."""

from __future__ import annotations

import hashlib
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import DiffusionPipeline, StableDiffusionPipeline
from safetensors import safe_open

from pipeline.config.embedded import embedded
from pipeline.diffusion.model import DiffusionModel

_PARTS = ("unet", "vae", "text_encoder")


def load_model(
    base: str | Path, revision: str | None = None, device: torch.device | None = None
) -> DiffusionModel:
    """Load a model of Stable Diffusion's 1.x or 2.x layout, in float32, frozen.

    Args:
        base: an embedded name, a diffusers folder, or a hub id.
        revision: commit or tag of a hub id.
        device: where to; the CPU if None.

    Raises:
        ValueError: there is no such model, or it has no safetensors of the parts we need.
    """
    folder = _folder(str(base), revision)
    _check(folder)
    # Bars for files that are read in a blink would drown the progress of the real work.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    pipeline = StableDiffusionPipeline.from_pretrained(
        folder,
        dtype=torch.float32,
        use_safetensors=True,
        local_files_only=True,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(device or torch.device("cpu"))
    for name in _PARTS:
        getattr(pipeline, name).eval().requires_grad_(requires_grad=False)
    pipeline.unet.to(memory_format=torch.channels_last)
    pipeline.vae.to(memory_format=torch.channels_last)
    digest = fingerprint(folder)
    return DiffusionModel(pipeline, folder, digest, digest, _stored_dtype(folder))


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
    return digest.hexdigest()


def _folder(base: str, revision: str | None) -> Path:
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


def _check(folder: Path) -> None:
    if not (folder / "model_index.json").is_file():
        raise ValueError(
            f"{folder}: expected a diffusers pipeline (a folder with model_index.json)"
        )
    for part in _PARTS:
        if not any((folder / part).glob("*.safetensors")):
            raise ValueError(
                f"{folder / part}: expected weights as .safetensors, found none; convert the model "
                "with diffusers' save_pretrained(safe_serialization=True)"
            )


def _stored_dtype(folder: Path) -> torch.dtype:
    # The shortest name is the plain one, which is what is loaded; others are variants of it.
    found = (folder / "unet").glob("*.safetensors")
    path = min(found, key=lambda path: (len(path.name), path.name))
    with safe_open(path, "pt") as file:
        name = next(iter(file.keys()))
        dtype: torch.dtype = file.get_tensor(name).dtype
    return dtype
