"""Read search spaces and experiments from YAML files, and write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pipeline.config.distributions import looks_like_distribution
from pipeline.config.experiment import Experiment
from pipeline.config.parsing import parse_space
from pipeline.config.plain_tree import oddities, plain_tree, plain_value
from pipeline.config.plain_yaml import MAX_BYTES, dump_yaml
from pipeline.config.problems import ConfigError, Problem, quote
from pipeline.config.space import SearchSpace, put

__all__ = ["dump_experiment", "dump_space", "load_space", "parse_space"]

_FILES: Final = (
    "prompts.forget_file",
    "prompts.retain_file",
    "prompts.test_forget_file",
    "prompts.test_retain_file",
    "prompts.vocabulary",
)
_MOST_POINTS: Final = 8
"""Of an override's path; an experiment's have four at most."""

_VOCABULARY_ENDINGS: Final = (".yaml", ".yml")
"""A vocabulary without them is the name of one that ships."""


def load_space(path: Path, overrides: Sequence[str] = ()) -> SearchSpace:
    """Read an experiment or a search space.

    Relative paths inside the file are taken from the file's folder, those in overrides from the
    current one; both become absolute, so that a trial in another folder finds them.

    Args:
        path: a YAML file of at most `MAX_BYTES`.
        overrides: `dotted.path=yaml-value`, for example `update.steps=20`; applied in order.

    Raises:
        ConfigError: the file cannot be read, or what it says with the overrides is not valid.
    """
    tree = load_tree(path)
    problems: list[Problem] = []
    for override in overrides:
        try:
            _apply(tree, override)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    resolve_files(tree, Path.cwd())
    return parse_space(tree, str(path))


def load_tree(path: Path) -> dict[str, Any]:
    """A file's plain data, its relative paths made absolute; what it says isn't checked.

    Raises:
        ConfigError: the file cannot be read, or holds no mapping of plain data.
    """
    tree = plain_tree(read_file(path), str(path))
    resolve_files(tree, path.resolve().parent)
    return tree


def dump_experiment(experiment: Experiment) -> str:
    """The experiment as YAML with every setting written out; `load_space` reads it back."""
    return dump_yaml(experiment.model_dump(mode="json"))


def dump_space(space: SearchSpace) -> str:
    """The search space as YAML, distributions included; `load_space` reads it back."""
    return dump_yaml(space.tree)


def read_file(path: Path) -> str:
    """A file's text.

    Raises:
        ConfigError: it cannot be read, is too long, or is no UTF-8.
    """
    try:
        with path.open("rb") as file:
            # What is no file, such as a pipe, has no size to ask for.
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "an error").lower()
        raise ConfigError([Problem(str(path), "a readable YAML file", reason)]) from None
    if len(raw) > MAX_BYTES:
        expected = f"a file of at most {MAX_BYTES} bytes"
        raise ConfigError([Problem(str(path), expected, "more", "is it the right file?")])
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        place, remedy = f"{path}, line {line}", "save the file as UTF-8"
        raise ConfigError([Problem(place, "UTF-8 text", "other bytes", remedy)]) from None


def _apply(tree: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    path = path.strip()
    if not equals or not all(path.split(".")) or path.count(".") > _MOST_POINTS:
        remedy = "for example update.steps=20"
        raise ConfigError([Problem("override", "dotted.path=value", quote(override), remedy)])
    value = plain_value(text, f"override {path}")
    problems = list(oddities(value, path))
    if problems:
        raise ConfigError(problems)
    put(tree, path, value)


def resolve_files(tree: dict[str, Any], folder: Path) -> None:
    """Make relative paths in a tree absolute, as seen from a folder."""
    for path in _FILES:
        section, _, key = path.partition(".")
        node = tree.get(section)
        value = node.get(key) if isinstance(node, dict) else None
        if path == "prompts.vocabulary" and not str(value).endswith(_VOCABULARY_ENDINGS):
            continue
        if isinstance(value, str) and value:
            put(tree, path, str(folder / value))
        elif looks_like_distribution(value) and isinstance(value.get("choice"), list):
            options = [
                str(folder / option) if isinstance(option, str) and option else option
                for option in value["choice"]
            ]
            put(tree, path, {**value, "choice": options})
