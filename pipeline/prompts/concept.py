"""Concepts in their vocabulary: what is forgotten, what is kept, and what takes its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from pipeline.config import ConceptConfig, ConfigError, Problem, TargetConfig
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
        words: the vocabulary, without the values that are forgotten for other concepts.
        forgotten: values to erase.
        retained: the axis's other values; at least one.
        neighbours: retained values most like the forgotten ones; all retained ones if none is.
        anchors: forgotten value -> the value in its place, None for the sentence without it.
        elsewhere: axis -> values that are forgotten for other concepts, at the same time or before.
    """

    kind: Literal["object", "style"]
    words: Vocabulary
    forgotten: tuple[str, ...]
    retained: tuple[str, ...]
    neighbours: tuple[str, ...]
    anchors: dict[str, str | None]
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What reports call it."""
        return "+".join(self.forgotten)

    @property
    def other(self) -> str:
        """The other axis that concepts can lie on."""
        return _OTHER_AXIS[self.kind]

    @property
    def gone(self) -> dict[str, tuple[str, ...]]:
        """Axis -> all values that no retain prompt may name."""
        return {
            self.kind: self.forgotten + self.elsewhere.get(self.kind, ()),
            self.other: self.elsewhere.get(self.other, ()),
        }

    def place(self, value: str | None, context: Scene) -> Scene:
        """The context with that value on the concept's axis."""
        return context.replace(**{self.kind: value})

    def bare_scene(self, value: str | None) -> tuple[Scene, int]:
        """The undiversified scene of a value and its template: `a photo of a sneaker`."""
        if self.kind == "style":
            return Scene(style=value), 0
        if _PLAIN_STYLE in self.words.axes["style"]:
            return Scene(object=value, style=_PLAIN_STYLE), 1
        return Scene(object=value), 1


def resolve_concept(config: ConceptConfig, words: Vocabulary) -> Concept:
    """The first of `resolve_concepts`, the only one where none is erased together with it."""
    return resolve_concepts(config, words)[0]


def resolve_concepts(config: ConceptConfig, words: Vocabulary) -> tuple[Concept, ...]:
    """Check concepts against a vocabulary, and fill in what they leave open.

    Raises:
        ConfigError: the vocabulary lacks a value, or nothing is left to retain.
    """
    problems = [*_unknown_values(config, words), *_exhausted_axes(config, words)]
    if problems:
        raise ConfigError(problems)
    earlier = [target for erasure in config.erased for target in erasure.targets]
    return tuple(
        _resolved(target, words, [each for each in (*config.targets, *earlier) if each != target])
        for target in config.targets
    )


def _resolved(target: TargetConfig, words: Vocabulary, others: Sequence[TargetConfig]) -> Concept:
    elsewhere = {
        axis: values
        for axis in ("object", "style")
        if (values := tuple(v for each in others if each.kind == axis for v in each.forget))
    }
    mine = _without(words, elsewhere)
    retained = tuple(value for value in mine.axes[target.kind] if value not in target.forget)
    near = dict.fromkeys(near for value in target.forget for near in words.neighbours[value])
    neighbours = tuple(value for value in near if value in retained) or retained
    anchors = {value: _anchor(target, value, words, retained) for value in target.forget}
    return Concept(target.kind, mine, target.forget, retained, neighbours, anchors, elsewhere)


def _without(words: Vocabulary, gone: Mapping[str, Sequence[str]]) -> Vocabulary:
    """The vocabulary in which what is forgotten elsewhere does not occur."""
    axes = {
        axis: tuple(value for value in values if value not in gone.get(axis, ()))
        for axis, values in words.axes.items()
    }
    return replace(words, axes=axes)


def _anchor(
    target: TargetConfig, forgotten: str, words: Vocabulary, retained: tuple[str, ...]
) -> str | None:
    if target.anchor is not None:
        return None if target.anchor == NO_ANCHOR else target.anchor
    preferred = (_PLAIN_STYLE,) if target.kind == "style" else ()
    candidates: tuple[str, ...] = (*preferred, *words.neighbours[forgotten], *retained)
    return next(value for value in candidates if value in retained)


def _unknown_values(config: ConceptConfig, words: Vocabulary) -> Iterator[Problem]:
    for path, target in _placed(config):
        values = words.axes[target.kind]
        named = [(f"{path}.forget.{place}", value) for place, value in enumerate(target.forget)]
        if target.anchor not in (None, NO_ANCHOR):
            named.append((f"{path}.anchor", str(target.anchor)))
        for where, value in named:
            if value not in values:
                remedy = did_you_mean(value, values)
                yield Problem(where, f"{target.kind} of {words.name}", value, remedy)


def _exhausted_axes(config: ConceptConfig, words: Vocabulary) -> Iterator[Problem]:
    gone: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for path, target in _placed(config):
        gone.setdefault(target.kind, set()).update(target.forget)
        first.setdefault(target.kind, path)
    for kind, values in gone.items():
        if values >= set(words.axes[kind]):
            remedy = f"keep at least one {kind}"
            yield Problem(f"{first[kind]}.forget", "a part of the axis", "all of it", remedy)


def _placed(config: ConceptConfig) -> Iterator[tuple[str, TargetConfig]]:
    """Every concept of a file behind its path."""
    yield "concept", config
    for place, target in enumerate(config.also):
        yield f"concept.also.{place}", target
    for number, erasure in enumerate(config.erased):
        yield f"concept.erased.{number}", erasure
        for place, target in enumerate(erasure.also):
            yield f"concept.erased.{number}.also.{place}", target
