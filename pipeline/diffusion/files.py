"""Which files of a model's folder are read: safetensors, configurations, tokenizers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, TypeGuard

from pipeline.config.plain_json import load_object
from pipeline.config.problems import quote
from pipeline.diffusion.families import FAMILIES, Family
from pipeline.diffusion.families.part import LIBRARIES
from pipeline.diffusion.reading import REMEDY, index_of

INDEX: Final = "model_index.json"
"""The file that makes a folder a diffusers pipeline, and names its class and parts."""

_STEMS: Final = ("diffusion_pytorch_model", "model")
"""How diffusers and transformers name a part's weights; variants of them have an infix."""

_TEXTS: Final = ("json", "txt", "model")
"""Endings of configurations, vocabularies and sentence-piece models."""

_HASHED: Final = ("*/*.json", "*/*.txt", "*/*.safetensors")
"""What a model's fingerprint reads beside them."""

_FLAT: Final = (".json", ".txt", ".model", ".jinja", ".safetensors")
"""Endings of what transformers reads of a folder of its own."""

_MOST_LAYERS: Final = 1000
"""More than any model has, and soon built."""

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
    said = index_of(folder)
    name = said.get("_class_name")
    family = FAMILIES.get(name) if isinstance(name, str) else None
    if family is None:
        raise ValueError(
            f"{index}: expected _class_name to be one of {', '.join(FAMILIES)}, got {quote(name)}; "
            "convert the model with diffusers, or name another one"
        )
    _check_parts(index, said, family, folder)
    return family


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
    read = [*patterns(family, folder), *_HASHED]
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        leads_on = path.is_symlink() and path.is_dir()
        if leads_on or any(fnmatchcase(name, pattern) for pattern in read):
            _check_link(folder, path)
    for part in family.parts_in(folder):
        check_shards(folder / part, folder)


def check_layers(part: Path) -> None:
    """Make sure that a part's configuration asks for no more layers than can be built.

    Libraries build what it says before they look at the weights: ten million layers take for ever.

    Args:
        part: the folder of its `config.json`; a missing one is the loader's to tell of.

    Raises:
        ValueError: it asks for more.
    """
    path = part / "config.json"
    for name, count in _layers(load_object(path, REMEDY)) if path.is_file() else ():
        if count > _MOST_LAYERS:
            raise ValueError(
                f"{path}: expected {name} of at most {_MOST_LAYERS}, got {count:g}; {REMEDY}"
            )


def _layers(node: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """(Setting, number) of all that counts layers or blocks, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            is_count = any(word in str(key) for word in ("layers", "blocks"))
            yield from _layers(value, str(key) if is_count else "")
    elif isinstance(node, list):
        for value in node:
            yield from _layers(value, name)
    elif name and isinstance(node, (int, float)):
        yield name, node


def check_flat(folder: Path) -> None:
    """The same for a folder in transformers' layout, its shards and its number of layers.

    Raises:
        ValueError: a file is a link that leads elsewhere, an index names anything but safetensors,
            or the configuration more layers than can be built.
    """
    for path in folder.iterdir():
        if path.suffix in _FLAT:
            _check_link(folder, path)
    check_shards(folder, folder)
    check_layers(folder)


def check_shards(part: Path, folder: Path) -> None:
    """Make sure that an index of shards names safetensors beside it: loaders would read any path.

    Args:
        part: holds the index, if there is one.
        folder: of the whole model, that no link leads out of.

    Raises:
        ValueError: it names others.
    """
    for stem in _STEMS:
        index = part / f"{stem}.safetensors.index.json"
        if not index.is_file():
            continue
        shards = load_object(index, REMEDY).get("weight_map")
        for name in shards.values() if isinstance(shards, dict) else [None]:
            if not _is_beside(name):
                raise ValueError(
                    f"{index}: expected names of .safetensors files beside it, got {quote(name)}; "
                    f"{REMEDY}"
                )
            _check_link(folder, part / name)


def names_in(folder: Path) -> list[str]:
    """Paths of all files of a folder, relative to it."""
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _is_beside(name: object) -> TypeGuard[str]:
    return isinstance(name, str) and Path(name).name == name and name.endswith(".safetensors")


def _check_parts(index: Path, said: Mapping[str, Any], family: Family, folder: Path) -> None:
    """Libraries import what an index names: only their own classes may stand there."""
    parts = {
        part: named
        for part, named in said.items()
        if not part.startswith("_") and (isinstance(named, list) or part in family.parts)
    }
    for part, named in parts.items():
        match named:
            case [None, None] | [str(), str()]:
                continue
        raise ValueError(
            f"{index}: expected a library and a class as {part}, got {quote(named)}; {REMEDY}"
        )
    unused = family.unused_in(folder)
    for part, (library, name) in parts.items():
        if part not in unused and library not in (None, *LIBRARIES):
            raise ValueError(
                f"{index}: expected {part} to be of {' or '.join(LIBRARIES)}, got {name} of "
                f"{library}; code of other origin is never run: convert the model"
            )


def _check_link(folder: Path, path: Path) -> None:
    homes = [folder.resolve()]
    if folder.parent.name == "snapshots":
        homes.append((folder.parent.parent / "blobs").resolve())
    try:
        target = path.resolve()
    except (OSError, RuntimeError):  # a link in a circle
        target = path.readlink()
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ValueError(f"{path}: expected a file, got a device or a pipe; {REMEDY}")
    if not any(target.is_relative_to(home) for home in homes):
        raise ValueError(
            f"{path}: expected a file of the model's own folder, got a link to {target}; put the "
            "file itself there"
        )


def _texts_of(family: Family, folder: Path) -> list[str]:
    """Parts without weights: scheduler and tokenizers."""
    index = index_of(folder)
    unused = {*family.parts, *family.unused_in(folder)}
    named = [name for name, value in index.items() if isinstance(value, list) and any(value[:1])]
    # A name is a folder's: one that is a path would lead out of the model's.
    return [name for name in named if name not in unused and name.isidentifier()]


def _weights(part: str) -> list[str]:
    ends = (".safetensors", "-[0-9]*-of-[0-9]*.safetensors", ".safetensors.index.json")
    return [f"{part}/{stem}{end}" for stem in _STEMS for end in ends]


def _shown(names: list[str]) -> str:
    return ", ".join(names[:_MOST_SHOWN]) + (", ..." if len(names) > _MOST_SHOWN else "")
