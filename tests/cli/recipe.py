"""What docs/recipe.md says, taken out of the page: files, commands, programs."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.cli.command import ROOT

PAGE: Final = ROOT / "docs" / "recipe.md"
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_WHOLE, _PART = re.compile(r"# ([\w.]+)\n"), re.compile(r"# in ([\w.]+)\n")


@dataclass(frozen=True)
class Recipe:
    """The page's fenced blocks.

    Attributes:
        files: whole files by name.
        parts: pieces of a file, each as its name and what goes over it.
        commands: every line of the shell, in order, as arguments.
        programs: Python, in order.
    """

    files: dict[str, str]
    parts: list[tuple[str, dict[str, Any]]]
    commands: list[list[str]]
    programs: list[str]

    def write(self, folder: Path) -> None:
        """The page's files, as a reader would save them."""
        for name, text in self.files.items():
            (folder / name).write_text(text)


def read_recipe() -> Recipe:
    """Read the page.

    Raises:
        ValueError: a block is of no known kind, or a YAML block does not say of which file it is.
    """
    files: dict[str, str] = {}
    parts: list[tuple[str, dict[str, Any]]] = []
    commands: list[list[str]] = []
    programs: list[str] = []
    for kind, text in _BLOCK.findall(PAGE.read_text()):
        match kind:
            case "yaml" if whole := _WHOLE.match(text):
                files[whole[1]] = text
            case "yaml" if part := _PART.match(text):
                parts.append((part[1], yaml.safe_load(text)))
            case "csv":
                files["my_prompts.csv"] = text
            case "sh":
                commands += [shlex.split(line) for line in text.splitlines()]
            case "python":
                programs.append(text)
            case _:
                raise ValueError(f"{PAGE}: expected yaml, csv, sh or python, got {kind}: {text}")
    return Recipe(files, parts, commands, programs)
