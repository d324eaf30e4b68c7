"""Every setting of an experiment file, read from the sections' fields and the text below them."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.config.experiment import Experiment
from pipeline.config.parsing import FIXED
from pipeline.config.sections import Section
from pipeline.config.suggestions import did_you_mean

MUST_BE_GIVEN: Final = "must be given"
"""In the place of a default."""

_FILLED_IN: Final = "concept.erased"
"""Promotions write it, not people: its parts are left out."""


@dataclass(frozen=True)
class Setting:
    """A setting, or a section of them.

    Attributes:
        path: dotted; `[]` stands for each of a list, `AXIS` for an axis's name.
        default: as a file would say it; empty for a section that is always there.
        choices: the words that it may be, where they are known.
        is_searched: whether a distribution may stand in its place.
        meaning: what it is, in which unit and range.
    """

    path: str
    default: str
    choices: tuple[str, ...]
    is_searched: bool
    meaning: str

    @property
    def is_section(self) -> bool:
        """Whether it is a heading for others."""
        return not self.default


def settings(within: str = "") -> list[Setting]:
    """All settings, in the order of a file, or those at and below a path.

    A section that may stand in several places, as a judge, is told where it comes first.

    Raises:
        ValueError: there is nothing at that path.
    """
    every = list(_of(Experiment, "", set()))
    found = [each for each in every if not within or _is_within(each.path, within)]
    if not found:
        remedy = did_you_mean(within, [each.path for each in every if "." not in each.path])
        raise ValueError(f"{within}: expected a setting or a section of them; {remedy}")
    return found


def _of(section: type[BaseModel], above: str, told: set[type[Section]]) -> Iterator[Setting]:
    for name, field in section.model_fields.items():
        path = f"{above}{name}"
        parts = list(_sections(field.annotation))
        yield _setting(path, field, holds_sections=bool(parts))
        for part, between in parts:
            if part not in told and path != _FILLED_IN:
                told.add(part)
                yield from _of(part, f"{path}{between}.", told)


def _setting(path: str, field: FieldInfo, *, holds_sections: bool) -> Setting:
    if field.is_required():
        default = "" if holds_sections else MUST_BE_GIVEN
    else:
        default = _as_in_a_file(field.get_default(call_default_factory=True))
    return Setting(
        path=path,
        default=default,
        choices=() if holds_sections else tuple(map(str, _choices(field.annotation))),
        is_searched=bool(default) and not any(_is_within(path, fixed) for fixed in FIXED),
        meaning=" ".join((field.description or "").split()),
    )


def _sections(annotation: Any, between: str = "") -> Iterator[tuple[type[Section], str]]:
    """Each section that a type holds, and what stands before its settings' names."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation, between
    kind = get_origin(annotation)
    inside = {tuple: "[]", dict: ".AXIS"}.get(kind, between) if kind is not None else between
    for part in get_args(annotation):
        yield from _sections(part, inside)


def _choices(annotation: Any) -> Iterator[Any]:
    kind = get_origin(annotation)
    if kind is Literal:
        yield from get_args(annotation)
    elif kind in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _choices(part)


def _as_in_a_file(value: Any) -> str:
    if isinstance(value, Section):
        return ""
    plain = list(value) if isinstance(value, tuple) else value
    written = yaml.safe_dump(plain, default_flow_style=True, width=10_000)
    return written.removesuffix("...\n").strip()


def _is_within(path: str, section: str) -> bool:
    return path == section or path.startswith((f"{section}.", f"{section}[]."))
