"""What is said: results on standard output, everything else on standard error."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

RESULTS: Final = Console(highlight=False)
"""What a verb was asked for."""

NOTES: Final = Console(stderr=True, highlight=False)
"""Progress, remarks and errors."""


def say(line: str) -> None:
    """A line of the result; not wrapped, so that paths in it can be copied."""
    RESULTS.print(Text(line), soft_wrap=True)


def note(line: str, style: str = "dim") -> None:
    """A remark beside the result."""
    NOTES.print(Text(line, style), soft_wrap=True)


def complain(message: str) -> None:
    """An error: `error: ...`, further lines below it."""
    NOTES.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
