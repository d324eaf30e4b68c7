"""A concept in its vocabulary: what is forgotten, what is kept, and what takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pipeline.config import ConceptConfig, ConfigError, Problem
from pipeline.config.suggestions import did_you_mean
from pipeline.prompts.vocabulary import Scene, Vocabulary

NO_ANCHOR: Final = "none"
"""The anchor that is the sentence without the concept."""

_PLAIN_STYLE: Final = "photo"
_OTHER_AXIS: Final = {"object": "style", "style": "object"}


@dataclass(frozen=True)
class Concept:
    """A checked concept.

    Attributes:
        kind: the concept's axis.
        words: the vocabulary.
        forgotten: values to erase.
        retained: the axis's other values; at least one.
        neighbours: retained values most like the forgotten ones; all retained ones if none is.
        anchors: forgotten value -> the value in its place, None for the sentence without it.
    """

    kind: Literal["object", "style"]
    words: Vocabulary
    forgotten: tuple[str, ...]
    retained: tuple[str, ...]
    neighbours: tuple[str, ...]
    anchors: dict[str, str | None]

    @property
    def other(self) -> str:
        """The other axis that concepts can lie on."""
        return _OTHER_AXIS[self.kind]

    def place(self, value: str | None, context: Scene) -> Scene:
        """The context with that value on the concept's axis."""
        return context.replace(**{self.kind: value})

    def bare_scene(self, value: str | None) -> tuple[Scene, int]:
        """The undiversified scene of a value and its template: `a photo of a sneaker`."""
        if self.kind == "style":
            return Scene(style=value), 0
        return Scene(object=value, style=_PLAIN_STYLE), 1


def resolve_concept(config: ConceptConfig, words: Vocabulary) -> Concept:
    """Check a concept against a vocabulary, and fill in what it leaves open.

    Raises:
        ConfigError: the vocabulary lacks a value, or nothing is left to retain.
    """
    values = words.axes[config.kind]
    named = [(f"concept.forget.{place}", value) for place, value in enumerate(config.forget)]
    if config.anchor not in (None, NO_ANCHOR):
        named.append(("concept.anchor", str(config.anchor)))
    problems = [
        Problem(path, f"{config.kind} of {words.name}", value, did_you_mean(value, values))
        for path, value in named
        if value not in values
    ]
    retained = tuple(value for value in values if value not in config.forget)
    if not retained:
        remedy = f"keep at least one {config.kind}"
        problems.append(Problem("concept.forget", "a part of the axis", "all of it", remedy))
    if problems:
        raise ConfigError(problems)
    near = dict.fromkeys(near for value in config.forget for near in words.neighbours[value])
    neighbours = tuple(value for value in near if value in retained) or retained
    anchors = {value: _anchor(config, value, words, retained) for value in config.forget}
    return Concept(config.kind, words, config.forget, retained, neighbours, anchors)


def _anchor(
    config: ConceptConfig, forgotten: str, words: Vocabulary, retained: tuple[str, ...]
) -> str | None:
    if config.anchor is not None:
        return None if config.anchor == NO_ANCHOR else config.anchor
    preferred = (_PLAIN_STYLE,) if config.kind == "style" else ()
    candidates: tuple[str, ...] = (*preferred, *words.neighbours[forgotten], *retained)
    return next(value for value in candidates if value in retained)
