"""From the names that experiments give judges to folders on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.config.embedded import embedded

JudgeKind = Literal["classifier", "second-classifier", "clip"]

_CLIP_FILES = ["*.json", "*.txt", "model.safetensors"]


def judge_folder(kind: JudgeKind, name: str) -> Path:
    """The folder of a judge: an embedded one, a folder, or (for a CLIP) one fetched from the hub.

    Raises:
        ValueError: there is no such judge.
    """
    inside = embedded(kind, name)
    if inside is not None:
        if not inside.is_dir():
            raise ValueError(
                f"{kind} {name!r}: expected the embedded weights in {inside}, found none; "
                "install the package whole, or make them with `unlearn canvas build`"
            )
        return inside
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    may_be_on_the_hub = name.count("/") == 1 and not name.startswith((".", "/", "~"))
    if kind != "clip" or not may_be_on_the_hub:
        hub = ", or a hub id such as owner/name" if kind == "clip" else ""
        raise ValueError(
            f"{kind} {name!r}: expected `fashion-canvas` (embedded) or a folder{hub}; "
            "there is no such folder"
        )
    return _fetched(name)


def second_classifier(name: str) -> Path:
    """The folder of the classifier that confirms what another one, of that name, has found.

    Raises:
        ValueError: there is none besides the search's own.
    """
    found = judge_folder("second-classifier", name)
    if found == judge_folder("classifier", name):
        raise ValueError(
            f"{name}: expected a second classifier that no search has used, got the search's own; "
            "give the folder of another one"
        )
    return found


def _fetched(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_CLIP_FILES))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"clip {name!r}: could not be fetched from the hub ({error}); check its name, your "
            "access to it and the network, or give a local folder"
        ) from error
