"""Reading what others have saved: whatever is wrong with it is one message that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pipeline.config.plain_json import load_object

REMEDY: Final = "fetch or save the model again"
_LONGEST_REASON: Final = 300


def index_of(folder: Path) -> dict[str, Any]:
    """What the `model_index.json` of a diffusers folder says.

    Raises:
        ValueError: it is no JSON object.
    """
    return load_object(folder / "model_index.json", REMEDY)


@contextmanager
def reading(what: object, expected: str, remedy: str = REMEDY) -> Iterator[None]:
    """Around a library's loader, which may trip over a damaged file in any way.

    Args:
        what: is read, for the message.
        expected: of it.
        remedy: what to do about it.

    Raises:
        ValueError: the loader failed.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
        raise ValueError(f"{what}: expected {expected}, got: {reason}; {remedy}") from error
