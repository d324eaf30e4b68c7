"""Make a search space of a tree, or report all that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any, Final

from pipeline.config.checking import value_problems
from pipeline.config.distributions import (
    Distribution,
    count_extremes,
    looks_like_distribution,
    read_distribution,
)
from pipeline.config.plain_tree import plain_tree
from pipeline.config.problems import ConfigError, Problem, quote
from pipeline.config.space import SearchSpace

FIXED: Final = (
    "name",
    "model.base",
    "model.revision",
    "concept.kind",
    "concept.forget",
    "concept.also",
    "concept.erased",
    "prompts.vocabulary",
    "prompts.test",
    "prompts.test_forget_file",
    "prompts.test_retain_file",
    "prompts.forget_rows",
    "prompts.retain_rows",
    "prompts.seed",
    "evaluation",
    "objectives",
    "gate",
    "budget",
    "scaling",
)
"""Paths that may hold no distribution: trials that differ in them could not be compared."""

_MOST_EXTREMES: Final = 500
"""Each is tried before anything runs."""


def parse_space(text_or_tree: str | Mapping[str, Any], source: str = "text") -> SearchSpace:
    """Read a search space from YAML text or plain data.

    Every distribution is tried at its bounds, with each option, and at each corner, so that no
    trial can fail for its configuration.

    Args:
        text_or_tree: what a file would hold.
        source: where it comes from, named in errors of syntax.

    Raises:
        ConfigError: with all the problems there are.
    """
    tree = plain_tree(text_or_tree, source)
    distributions: dict[str, Distribution] = {}
    problems: list[Problem] = []
    unread: list[str] = []
    for path, node in _distribution_nodes(tree):
        found = _read_node(path, node)
        if isinstance(found, Problem):
            problems.append(found)
            unread.append(_before_list(path))
        else:
            distributions[path] = found
    number = sum(map(count_extremes, distributions.values()))
    if number > _MOST_EXTREMES:
        expected = f"distributions of at most {_MOST_EXTREMES} bounds, options and names together"
        remedy = "search less, or write a range in place of a list"
        raise ConfigError([*problems, Problem(source, expected, str(number), remedy)])
    problems += value_problems(tree, distributions, unread)
    if problems:
        raise ConfigError(problems)
    return SearchSpace(tree, distributions)


def _distribution_nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if path and looks_like_distribution(node):
        yield path, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _distribution_nodes(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _distribution_nodes(value, f"{path}.{number}")


def _before_list(path: str) -> str:
    """The setting that holds the list which a path leads into, else the path itself."""
    return ".".join(takewhile(lambda part: not part.isdigit(), path.split(".")))


def _read_node(path: str, node: dict[str, Any]) -> Distribution | Problem:
    if any(path == fixed or path.startswith(f"{fixed}.") for fixed in FIXED):
        remedy = "it is the same for all trials, so that they can be compared"
        return Problem(path, "a value", quote(node), remedy)
    if any(part.isdigit() for part in path.split(".")):
        remedy = "a distribution stands for a whole setting"
        return Problem(path, "a value inside the list", quote(node), remedy)
    return read_distribution(path, node)
