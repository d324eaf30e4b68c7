"""Paths as people write them."""

from __future__ import annotations

from pathlib import Path


def user_path(text: str) -> Path:
    """The path with `~` and `~name` in it replaced; as it stands where nobody is called so."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def without_machine(text: str) -> str:
    """What others may read of a model's or a sweep's name: of a path on this machine its end.

    A promoted folder is called by its sweep too (`one/promoted/0008`); hub names, names of sweeps
    and relative paths stay as they are.
    """
    path = user_path(text)
    if not path.is_absolute() and not text.startswith("~"):
        return text
    is_promoted = path.parent.name == "promoted"
    return "/".join(path.parts[-3 if is_promoted else -1 :])
