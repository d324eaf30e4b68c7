"""From YAML text to a plain tree with text keys, or to problems with their line and column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any
from unicodedata import category

import yaml

from pipeline.config.plain_yaml import MAX_DEPTH, load_yaml
from pipeline.config.problems import ConfigError, Problem, quote


def plain_tree(text_or_tree: str | Mapping[str, Any], source: str) -> dict[str, Any]:
    """The file as a mapping of sections and settings; a copy where it is one already.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(text_or_tree, str):
        tree = plain_value(text_or_tree, source)
    else:
        tree = dict(text_or_tree)
    if not isinstance(tree, dict):
        remedy = "begin with `name:` and `concept:`"
        raise ConfigError([Problem(source, "a mapping of settings", quote(tree), remedy)])
    problems = list(oddities(tree, ""))
    if problems:
        raise ConfigError(problems)
    return deepcopy(tree)


def plain_value(text: str, place: str) -> Any:
    """Plain data from YAML text.

    Args:
        text: one YAML document.
        place: where it comes from, for errors.

    Raises:
        ConfigError: it is no YAML, or more than plain data.
    """
    try:
        return load_yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{place}, line {mark.line + 1}, column {mark.column + 1}" if mark else place
        detail = error.problem or ""
        expected, got, came = detail.removeprefix("expected ").partition(", got ")
        if got:
            raise ConfigError([Problem(where, expected, came)]) from None
        remedy = f"{detail}; indent by spaces, not by tabs" if "'\\t'" in detail else detail
        raise ConfigError([Problem(where, "YAML", "something else", remedy)]) from None
    except yaml.YAMLError as error:
        raise ConfigError(
            [Problem(place, "YAML", "something else", " ".join(str(error).split()))]
        ) from None


def oddities(node: Any, path: str) -> Iterator[Problem]:
    """What YAML allows and an experiment does not: keys that are no names, exotic types and text.

    Data of other origins may also be nested deeper than YAML that is read.
    """
    if path.count(".") >= MAX_DEPTH:
        yield Problem(path, f"at most {MAX_DEPTH} levels of nesting", "more")
    elif isinstance(node, dict):
        for key, value in node.items():
            place = f"{path}.{key}" if path else str(key)
            if not isinstance(key, str) or "." in key or not key or not key.isprintable():
                yield Problem(repr(place), "a name without a point as key", quote(key))
            else:
                yield from oddities(value, place)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from oddities(value, f"{path}.{number}")
    elif isinstance(node, str):
        # No file can have such a name, and no file can be written with half a character in it.
        if any(category(letter) in ("Cc", "Cs") and letter not in "\t\n" for letter in node):
            yield Problem(path, "text without control characters", quote(node), "remove them")
    elif node is not None and not isinstance(node, int | float | bool):
        yield Problem(path, "a plain value", type(node).__name__, "remove the YAML tag")
