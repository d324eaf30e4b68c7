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
