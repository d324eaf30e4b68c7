"""Concepts in their vocabulary: what is forgotten, what is kept, and what takes its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pipeline.config import ConceptConfig, ConfigError, Problem, TargetConfig
from pipeline.config.suggestions import did_you_mean
from pipeline.prompts.scene import Scene
from pipeline.prompts.vocabulary import Vocabulary

NO_ANCHOR: Final = "none"
"""The anchor that is the sentence without the concept."""


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

    kind: str
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
    def other(self) -> str | None:
        """The other axis that concepts can lie on, where the vocabulary has two."""
        return next((axis for axis in self.words.concept_axes if axis != self.kind), None)

    @property
    def gone(self) -> dict[str, tuple[str, ...]]:
        """Axis -> all values that no retain prompt may name."""
        own = {self.kind: self.forgotten}
        return {
            axis: own.get(axis, ()) + self.elsewhere.get(axis, ())
            for axis in self.words.concept_axes
        }

    def place(self, value: str | None, context: Scene) -> Scene:
        """The context with that value on the concept's axis."""
        return context.replace(**{self.kind: value})

    def bare_scene(self, value: str | None) -> tuple[Scene, int]:
        """The undiversified scene of a value and its template: `a photo of a sneaker`."""
        return self.words.bare_scene(self.kind, value)


def resolve_concept(config: ConceptConfig, words: Vocabulary) -> Concept:
    """The first of `resolve_concepts`, the only one where none is erased together with it."""
    return resolve_concepts(config, words)[0]


def resolve_concepts(config: ConceptConfig, words: Vocabulary) -> tuple[Concept, ...]:
    """Check concepts against a vocabulary, and fill in what they leave open.

    Raises:
        ConfigError: the vocabulary lacks an axis or a value, has no word for a forgotten one, or
            nothing is left to retain.
    """
    problems = list(_unknown_kinds(config, words))
    if not problems:
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
        for axis in words.concept_axes
        if (values := tuple(v for each in others if each.kind == axis for v in each.forget))
    }
    mine = _without(words, elsewhere)
    retained = tuple(value for value in mine.axes[target.kind] if value not in target.forget)
    near = dict.fromkeys(
        near for value in target.forget for near in words.neighbours.get(value, ())
    )
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
    plain, near = words.plain.get(target.kind), words.neighbours.get(forgotten, ())
    return next(value for value in (plain, *near, *retained) if value in retained)


def _unknown_kinds(config: ConceptConfig, words: Vocabulary) -> Iterator[Problem]:
    for path, target in _placed(config):
        if target.kind not in words.concept_axes:
            expected = f"an axis on which {words.name} has concepts"
            remedy = did_you_mean(target.kind, words.concept_axes)
            yield Problem(f"{path}.kind", expected, target.kind, remedy)


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
            elif where != f"{path}.anchor" and not words.phrase(target.kind, value):
                remedy = "sentences without a word for it show it; name another value"
                yield Problem(where, "a value that sentences name", value, remedy)


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
