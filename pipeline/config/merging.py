"""Putting settings over settings: what a comparison does with a method's own file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final, TypeGuard

from pipeline.config.distributions import looks_like_distribution

_ANY_CONCEPT: Final = "none"
"""The anchor that goes with every concept."""


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `under` with the settings of `over` in it, section by section.

    A distribution is one value: it is replaced whole, and replaces whole.
    """
    result = deepcopy(dict(under))
    for key, value in over.items():
        below = result.get(key)
        if _is_section(below) and _is_section(value):
            result[key] = merged(below, value)
        else:
            result[key] = deepcopy(value)
    return result


def with_concept(tree: Mapping[str, Any], concept: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a tree with settings put over its `concept`.

    Where they forget something else than the tree does, nothing of the tree's own is kept, as its
    anchor would be a value of another axis; nothing but the anchor `none`, which goes with all.
    """
    own = tree.get("concept")
    own = dict(own) if isinstance(own, Mapping) else {}
    if any(concept.get(key, own.get(key)) != own.get(key) for key in ("kind", "forget")):
        own = {"anchor": _ANY_CONCEPT} if own.get("anchor") == _ANY_CONCEPT else {}
    return {**deepcopy(dict(tree)), "concept": deepcopy({**own, **concept})}


def differences(known: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Dotted paths of the settings that differ between two trees, in order."""
    before, after = dict(_leaves(known)), dict(_leaves(now))
    missing = object()
    paths = before.keys() | after.keys()
    return sorted(path for path in paths if before.get(path, missing) != after.get(path, missing))


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if _is_section(value):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_section(node: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(node, Mapping) and not looks_like_distribution(node)
