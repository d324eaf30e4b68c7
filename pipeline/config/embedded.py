"""Where the parts of the embedded benchmark lie inside the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

EMBEDDED_NAME: Final = "fashion-canvas"
"""The name by which experiments ask for the embedded models."""

_WEIGHTS: Final = Path(__file__).resolve().parent.parent / "canvas" / "weights"


def embedded(
    kind: Literal["base", "classifier", "second-classifier", "clip"], name: str
) -> Path | None:
    """The folder of an embedded model, or None when `name` is not an embedded one."""
    return _WEIGHTS / kind if name == EMBEDDED_NAME else None
