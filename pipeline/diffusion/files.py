"""Which files of a model's folder are read: safetensors, configurations, tokenizers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from pipeline.diffusion.families import FAMILIES, Family

INDEX: Final = "model_index.json"
"""The file that makes a folder a diffusers pipeline, and names its class and parts."""

_STEMS: Final = ("diffusion_pytorch_model", "model")
"""How diffusers and transformers name a part's weights; variants of them have an infix."""

_TEXTS: Final = ("json", "txt", "model")
"""Endings of configurations, vocabularies and sentence-piece models."""

_PICKLED: Final = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_MOST_SHOWN: Final = 3


def family_of(folder: Path) -> Family:
    """The family of a diffusers folder.

    Raises:
        ValueError: it is none, or no family here knows its pipeline.
    """
    index = folder / INDEX
    if not index.is_file():
        raise ValueError(
            f"{folder}: expected a diffusers pipeline (a folder with model_index.json)"
        )
    _check_link(folder, index)
    text = index.read_text(encoding="utf-8", errors="replace")
    try:
        return FAMILIES[json.loads(text)["_class_name"]]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{index}: expected _class_name to be one of {', '.join(FAMILIES)}, got {text[:200]}"
        ) from None


def patterns(family: Family, folder: Path) -> list[str]:
    """Patterns of the paths that a family reads of a model.

    No variants such as fp16, no pickles, and no part that unlearning has no use for.

    Args:
        family: of the model.
        folder: holds its `model_index.json`.
    """
    weights = family.parts_in(folder)
    read = [f"{part}/*.{ending}" for part in _texts_of(family, folder) for ending in _TEXTS]
    for part in weights:
        read.append(f"{part}/config.json")
        read += _weights(part)
    return [INDEX, *read]


def check_weights(family: Family, folder: Path, names: Iterable[str], where: object) -> None:
    """Make sure that every part has weights as safetensors.

    Args:
        family: of the model.
        folder: holds its `model_index.json`.
        names: paths of all of its files, wherever they are.
        where: for messages: the folder or the hub id.

    Raises:
        ValueError: a part has none.
    """
    known = sorted(names)
    for part in family.parts_in(folder):
        if any(fnmatchcase(name, pattern) for name in known for pattern in _weights(part)):
            continue
        there = [name for name in known if name.startswith(f"{part}/")]
        pickled = [name for name in there if name.endswith(_PICKLED)]
        variants = [name for name in there if name.endswith(".safetensors")]
        remedy = (
            "fetch the model again, or save it with diffusers' "
            "save_pretrained(safe_serialization=True)"
        )
        found = "none"
        if variants:
            found = f"only variants of them ({_shown(variants)})"
            remedy = "save the full weights without `variant`"
        elif pickled:
            found = f"only pickles ({_shown(pickled)}), which can run code when they are read"
            remedy = (
                "if you trust them, convert them once, on a machine without secrets: "
                f"DiffusionPipeline.from_pretrained({str(where)!r})"
                ".save_pretrained(FOLDER, safe_serialization=True), and name FOLDER"
            )
        raise ValueError(
            f"{where}: expected weights as .safetensors in {part}/, found {found}; {remedy}"
        )


def check_links(family: Family, folder: Path) -> None:
    """Make sure that what is read of a folder lies in it.

    Links of the hub's cache, from a snapshot to the blobs of the same repository, are its own.

    Raises:
        ValueError: a file is a link that leads elsewhere.
    """
    read = patterns(family, folder)
    for path in folder.rglob("*"):
        if any(fnmatchcase(path.relative_to(folder).as_posix(), pattern) for pattern in read):
            _check_link(folder, path)


def names_in(folder: Path) -> list[str]:
    """Paths of all files of a folder, relative to it."""
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _check_link(folder: Path, path: Path) -> None:
    homes = [folder.resolve()]
    if folder.parent.name == "snapshots":
        homes.append((folder.parent.parent / "blobs").resolve())
    target = path.resolve()
    if not any(target.is_relative_to(home) for home in homes):
        raise ValueError(
            f"{path}: expected a file of the model's own folder, got a link to {target}; put the "
            "file itself there"
        )


def _texts_of(family: Family, folder: Path) -> list[str]:
    """Parts without weights: scheduler and tokenizers."""
    index: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    unused = {*family.parts, *family.unused_in(folder)}
    named = [name for name, value in index.items() if isinstance(value, list) and value[0]]
    # A name is a folder's: one that is a path would lead out of the model's.
    return [name for name in named if name not in unused and name.isidentifier()]


def _weights(part: str) -> list[str]:
    ends = (".safetensors", "-[0-9]*-of-[0-9]*.safetensors", ".safetensors.index.json")
    return [f"{part}/{stem}{end}" for stem in _STEMS for end in ends]


def _shown(names: list[str]) -> str:
    return ", ".join(names[:_MOST_SHOWN]) + (", ..." if len(names) > _MOST_SHOWN else "")
