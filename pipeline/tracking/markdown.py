"""Markdown that says what it was told and does nothing else: names and prompts are anybody's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

_MEANS_SOMETHING: Final = re.compile(r"([\\`*_{}\[\]|<>~&$@#]|:(?=//)|(?<=www)\.)")
"""Inside a line, that is: texts never stand at the beginning of one."""


def escaped(value: object) -> str:
    """A text on one line in which no character means anything to Markdown or HTML."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value))
    return _MEANS_SOMETHING.sub(_entity, " ".join(text.split()))


def _entity(found: re.Match[str]) -> str:
    # A number and not a backslash, which would stay in a table, in HTML, and before letters.
    return f"&#{ord(found[1])};"


def code(value: object) -> str:
    """A text on one line as code, whatever backticks it holds."""
    text = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table, one text a line; cells are Markdown already, and hold no `|`."""
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(str(cell) for cell in line)} |" for line in lines]
