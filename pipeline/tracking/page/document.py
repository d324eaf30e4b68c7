"""The page as a file: template, style, programs, Plotly and data in one, and nothing from outside.

Whatever a person has named (a sweep, a prompt, a parameter) is in the JSON and nowhere else, and
JSON has no `<` here: nothing in it can end its own element. The page's own policy lets the browser
load nothing over a network, whatever else goes wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from plotly.offline import get_plotlyjs

from pipeline.search.files import write_text

_PROGRAMS: Final = ("elements.js", "front.js", "charts.js", "trials.js", "pins.js", "page.js")
_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def write_document(data: Mapping[str, Any], path: Path) -> None:
    """Write a page that shows `data` (see `sweep_data`); it appears whole or not at all."""
    before, after = _frame()
    write_text(path, f"{before}{as_json(data)}{after}")


@cache
def drawn_by() -> str:
    """Changes when what draws a page does: after an upgrade pages are drawn anew."""
    return hashlib.sha256("".join(_frame()).encode()).hexdigest()


def as_json(data: Mapping[str, Any]) -> str:
    """Compact JSON that may stand inside an HTML element; NaN and infinity become null."""
    text = json.dumps(_finite(data), separators=(",", ":"), allow_nan=False)
    for letter, escape in _ESCAPES.items():
        text = text.replace(letter, escape)
    return text


@cache
def _frame() -> tuple[str, str]:
    """What stands before and after the data; the same for all pages."""
    room = files("pipeline.tracking.page")
    text = room.joinpath("template.html").read_text("utf-8")
    programs = "\n".join(room.joinpath(name).read_text("utf-8") for name in _PROGRAMS)
    for name, part in (
        ("STYLE", room.joinpath("page.css").read_text("utf-8")),
        ("PLOTLY", get_plotlyjs()),
        ("PROGRAM", f'"use strict";\n(() => {{\n{programs}\n}})();'),
    ):
        text = text.replace(f"<!--{name}-->", part)
    before, _, after = text.partition("<!--DATA-->")
    return before, after


def _finite(value: Any) -> Any:
    """The same without what JSON has no word for, and floats to six digits."""
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return float(f"{value:.6g}") if abs(value) < float("inf") else None
        case Mapping():
            return {str(key): _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case _:
            return str(value)
