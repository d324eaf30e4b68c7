"""The file of a comparison as it is written: one typed tree."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline.config.sections import Section, Text, rule_broken

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def is_name(text: str) -> bool:
    """Whether folders and runs can be called so."""
    return _NAME.fullmatch(text) is not None


def _as_name(text: str) -> str:
    if not is_name(text):
        expected = "1 to 64 of a-z, 0-9, `.`, `_`, `-`, the first a letter or a digit"
        raise rule_broken("", expected, text, "it names folders")
    return text


def _each_once(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise rule_broken("", "each seed once", list(seeds), "remove the repeated one")
    return seeds


def _for_all(same: dict[str, Any]) -> dict[str, Any]:
    for setting in ("name", "concept"):
        if setting in same:
            expected = "settings that all methods share on all targets"
            raise rule_broken("", expected, setting, "the pairs' names and `targets` say it")
    return same


def as_method(value: Any) -> Any:
    """A method as a mapping, where it is written as the name of its file alone."""
    return {"file": value} if isinstance(value, str) else value


_Name = Annotated[str, Field(strict=True), AfterValidator(_as_name)]
_Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]


class MethodConfig(Section):
    """Where a method's search space is, and what this comparison changes in it."""

    file: Text
    """A search space or an experiment; relative to the comparison's file."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Dotted path -> value or distribution, put into the file's settings."""


class FinalConfig(Section):
    """How the chosen member of each front is trained anew and judged by the second judge."""

    seeds: Annotated[tuple[_Seed, ...], Field(min_length=1), AfterValidator(_each_once)] = (
        101,
        102,
        103,
    )
    """Training seeds, each 0 to 2^31 - 1; at least one, three for intervals worth the name."""
    repeats: Annotated[int, Field(strict=True, ge=1, le=1000)] = 2
    """Pictures of each test prompt; 1 or more."""
    judging_seed: _Seed = 4242
    """Seed of the judged pictures, another than the search's, 0 to 2^31 - 1."""


class ComparisonFile(Section):
    """The file as it is written."""

    name: _Name
    """Lower-case letters, digits, `.`, `_`, `-`; it names the folder and the run."""
    methods: Annotated[
        dict[_Name, Annotated[MethodConfig, BeforeValidator(as_method)]], Field(min_length=1)
    ]
    """Name -> a search space's file, or {file: ..., set: {dotted.path: ...}}."""
    targets: Annotated[dict[_Name, dict[str, Any]], Field(min_length=1)]
    """Name -> settings of `concept`, put over those of a method's file."""
    same: Annotated[dict[str, Any], AfterValidator(_for_all)] = Field(default_factory=dict)
    """Settings for every method, put over its own; neither `name` nor `concept`."""
    search_again: Annotated[tuple[_Seed, ...], AfterValidator(_each_once)] = ()
    """Seeds of further searches of all that is searched, 0 to 2^31 - 1, none of them `budget.seed`:
    how far a hypervolume is the luck of one search."""
    final: FinalConfig = Field(default_factory=FinalConfig)
    """The last judgement."""
