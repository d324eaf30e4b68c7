"""Parameters as MLflow keeps them: text that gives back the very value."""

from __future__ import annotations

import json
from typing import Any


def to_text(value: Any) -> str:
    """A plain value as text; strings stay as they are unless they read as something else."""
    if isinstance(value, str) and value and not _is_json(value):
        return value
    return json.dumps(value)


def from_text(text: str) -> Any:
    """The value that `to_text` was given (tuples come back as lists)."""
    return json.loads(text) if _is_json(text) else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
