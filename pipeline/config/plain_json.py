"""JSON objects from files that others wrote, or one message that names the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def load_object(path: Path, remedy: str) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Args:
        path: of the file.
        remedy: what to do about a damaged one.

    Raises:
        ValueError: it cannot be read, or holds something else.
    """
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or "an error").lower()
        raise ValueError(f"{path}: expected a readable file, got {reason}; {remedy}") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(
            f"{path}, {where}: expected JSON, got: {error.msg.lower()}; {remedy}"
        ) from error
    # Bytes of no encoding, or thousands of brackets or digits.
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected JSON, got something else; {remedy}") from error
    if isinstance(data, dict):
        return data
    raise ValueError(f"{path}: expected a JSON object, got a {type(data).__name__}; {remedy}")
