"""Which contexts teach and which judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import numpy as np

from pipeline.config import ConfigError, Problem
from pipeline.prompts.concept import Concept
from pipeline.prompts.contexts import Arranged, Contexts, arranged, contexts_of
from pipeline.prompts.randomness import shuffled, stream
from pipeline.prompts.scene import Scene
from pipeline.prompts.vocabulary_checks import PARTS

T = TypeVar("T")


@dataclass(frozen=True)
class Split:
    """Contexts for training and for judging: disjoint, unless the vocabulary shares sentences.

    Attributes:
        train: contexts that teach.
        test: contexts that judge.
        across: where concepts of both axes are erased, the contexts of the *other* axis's concepts
            that judge; empty where no single context could be on both sides.
    """

    train: Contexts
    test: Contexts
    across: frozenset[Scene] = frozenset()

    def teaches(self, concept: Concept, scene: Scene) -> bool:
        """Whether a scene, in a context that teaches here, is none that judges across."""
        return _open(scene, concept.other) not in self.across

    def judges(self, concept: Concept, scene: Scene) -> bool:
        """Whether a scene, in a context that judges here, is held out across too."""
        return not self.across or not self.teaches(concept, scene)


def split_contexts(concept: Concept, seed: int) -> Split:
    """Divide all contexts, as the vocabulary says.

    Where it holds out values, contexts that judge use these alone on every axis that has any, the
    concept's own apart, and contexts that teach use none of them (Ko et al. 2024, arXiv
    2412.07808). Where it shares sentences, all contexts do both. Else two thirds teach, as in a
    Latin square: with each axis in a random order, a context is held out if the sum of its ranks
    is a multiple of three. So every pair of values (a style and a colour, say) occurs in training
    and, held out, with other third values than there, as long as each axis has at least three
    values.

    Raises:
        ConfigError: so much is forgotten that nothing is left to teach or to judge in.
    """
    rng = stream(seed, "split")
    axes = concept.words.axes
    others = (None,) if concept.other is None else shuffled(axes[concept.other], rng)
    context = {axis: shuffled(axes[axis], rng) for axis in concept.words.context_axes}
    return _divided(concept, others, context, [1] * len(context), rng)


def split_all(concepts: Sequence[Concept], seed: int) -> tuple[Split, ...]:
    """The split of each concept; those on the same axis share theirs.

    Where concepts of both axes are erased, one order of each context's axis serves both. Where no
    values are held out, a scene without anything forgotten then teaches only if it is held out from
    neither, and judges only if it is held out from both: no context of either kind is on both
    sides.

    Raises:
        ConfigError: so much is forgotten that nothing is left to teach or to judge in, or the
            vocabulary has too few contexts for concepts of both axes.
    """
    if len({concept.kind for concept in concepts}) == 1:
        return (split_contexts(concepts[0], seed),) * len(concepts)
    words = concepts[0].words
    first: dict[str, Concept] = {concept.kind: concept for concept in reversed(concepts)}
    rng = stream(seed, "split")
    context = {axis: shuffled(words.axes[axis], rng) for axis in words.context_axes}
    apart = bool(words.held_out) or words.shares_sentences
    if not apart:
        _check_both_axes(words.name, context)
    splits, across = {}, dict.fromkeys(words.concept_axes, frozenset[Scene]())
    for kind, other in zip(words.concept_axes, reversed(words.concept_axes), strict=True):
        # Values that are forgotten on the other axis are in no concept's contexts.
        others = shuffled(first[other].retained, rng)
        # Modulo three (1, 1) and (1, 2) are linearly independent: whether a scene is held out from
        # an erased object says nothing about whether it is held out from an erased style, and every
        # pair of values occurs in all parts.
        is_first = kind == words.concept_axes[0]
        weights = [1 if is_first else 1 + place % 2 for place in range(len(context))]
        splits[kind] = _divided(first[kind], others, context, weights, rng)
        if not apart:
            across[other] = frozenset(chain.from_iterable(splits[kind].test.values()))
    return tuple(
        Split(splits[concept.kind].train, splits[concept.kind].test, across[concept.kind])
        for concept in concepts
    )


def _divided(
    concept: Concept,
    others: Sequence[str | None],
    context: Mapping[str, Sequence[str]],
    weights: Sequence[int],
    rng: np.random.Generator,
) -> Split:
    words = concept.words
    if words.shares_sentences:
        every = contexts_of(arranged(concept, others, context, rng))
        split = Split(every, every)
    elif words.held_out:
        train, test = (
            _of_values(concept, others, context, rng, judging=side) for side in (False, True)
        )
        split = Split(train, test)
    else:
        split = _latin_square(arranged(concept, others, context, rng), weights)
    if not split.train or not split.test:
        side = "judge" if split.train else "teach"
        expected = f"a value of {concept.other} that is kept, and that prompts that {side} may name"
        remedy = f"forget less, or change held_out of {words.name}"
        raise ConfigError([Problem("concept", expected, "none", remedy)])
    return split


def _of_values(
    concept: Concept,
    others: Sequence[str | None],
    context: Mapping[str, Sequence[str]],
    rng: np.random.Generator,
    *,
    judging: bool,
) -> Contexts:
    """Contexts of held-out values alone, or without any, on the axes that have some."""
    held_out = concept.words.held_out

    def kept(axis: str | None, values: Sequence[T]) -> tuple[T, ...]:
        held = held_out.get(axis, ()) if axis is not None else ()
        return tuple(value for value in values if not held or (value in held) is judging)

    mine = {axis: kept(axis, values) for axis, values in context.items()}
    return contexts_of(arranged(concept, kept(concept.other, others), mine, rng))


def _latin_square(arranged: Arranged, weights: Sequence[int]) -> Split:
    """Contexts by the sum of their weighed ranks, a multiple of three being held out."""
    parts: dict[bool, dict[str | None, list[Scene]]] = {False: {}, True: {}}
    for rank, (other, cells) in enumerate(arranged):
        for ranks, scene in cells:
            total = rank + sum(weight * each for weight, each in zip(weights, ranks, strict=True))
            parts[total % PARTS == 0].setdefault(other, []).append(scene)
    train, test = (
        {other: tuple(scenes) for other, scenes in part.items()} for part in parts.values()
    )
    return Split(train, test)


def _check_both_axes(name: str, context: Mapping[str, Sequence[str]]) -> None:
    large = [axis for axis, values in context.items() if len(values) >= PARTS]
    if len(large) < 2:  # noqa: PLR2004 - one for each axis of concepts
        expected = f"concepts of one axis, as {name} has too few contexts to hold some out for both"
        got = "concepts of two"
        remedy = "erase one after the other, or give the vocabulary held_out or more context"
        raise ConfigError([Problem("concept.also", expected, got, remedy)])


def _open(scene: Scene, axis: str | None) -> Scene:
    return scene if axis is None else scene.replace(**{axis: None})
