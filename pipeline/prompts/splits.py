"""Which contexts teach and which judge, and a balanced walk through either.

A context is a scene without the concept: a value of the other axis, a colour and a background.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.prompts.concept import Concept
from pipeline.prompts.randomness import shuffled, stream
from pipeline.prompts.vocabulary import Scene

_PARTS: Final = 3
"""One part in three is held out."""

# Ranks of the colour and of the background count so often. The pairs (1, 1) and (1, 2) are
# linearly independent modulo three: whether a scene is held out from an erased object says nothing
# about whether it is held out from an erased style, and every pair of values occurs in all parts.
_WEIGHTS: Final = {"object": (1, 1), "style": (1, 2)}

Contexts = dict[str, tuple[Scene, ...]]
"""Value of the other axis -> its contexts, in the order they are used."""


@dataclass(frozen=True)
class Split:
    """Disjoint contexts for training and for judging.

    Attributes:
        train: contexts that teach.
        test: contexts that judge.
        across: where concepts of both axes are erased, the contexts of the *other* axis's concepts
            that judge; else empty.
    """

    train: Contexts
    test: Contexts
    across: frozenset[Scene] = frozenset()

    def teaches(self, concept: Concept, scene: Scene) -> bool:
        """Whether a scene, in a context that teaches here, is none that judges across."""
        return scene.replace(**{concept.other: None}) not in self.across

    def judges(self, concept: Concept, scene: Scene) -> bool:
        """Whether a scene, in a context that judges here, is held out across too."""
        return not self.across or not self.teaches(concept, scene)


def split_contexts(concept: Concept, seed: int) -> Split:
    """Divide all contexts, two thirds for training.

    As in a Latin square: with each axis in a random order, a context is held out if the sum of
    its three ranks is a multiple of three. So every pair of values (a style and a colour, say)
    occurs in training and, held out, with other third values than there, as long as each axis has
    at least three values.
    """
    rng = stream(seed, "split")
    axes = concept.words.axes
    others = shuffled(axes[concept.other], rng)
    colours = shuffled(axes["colour"], rng)
    backgrounds = shuffled(axes["background"], rng)
    return _divided(concept, (others, colours, backgrounds), _WEIGHTS["object"], rng)


def split_all(concepts: Sequence[Concept], seed: int) -> tuple[Split, ...]:
    """The split of each concept; those on the same axis share theirs.

    Where concepts of both axes are erased, one order of colours and of backgrounds serves both,
    and a scene without anything forgotten teaches only if it is held out from neither, and judges
    only if it is held out from both: no context of either kind is on both sides.
    """
    if len({concept.kind for concept in concepts}) == 1:
        return (split_contexts(concepts[0], seed),) * len(concepts)
    first: dict[str, Concept] = {concept.kind: concept for concept in reversed(concepts)}
    rng = stream(seed, "split")
    axes = concepts[0].words.axes
    colours, backgrounds = shuffled(axes["colour"], rng), shuffled(axes["background"], rng)
    splits = {}
    for kind in ("object", "style"):
        # Values that are forgotten on the other axis are in no concept's contexts.
        others = shuffled(first[_other(kind)].retained, rng)
        ranks = (others, colours, backgrounds)
        splits[kind] = _divided(first[kind], ranks, _WEIGHTS[kind], rng)
    across = {
        kind: frozenset(scene for scenes in split.test.values() for scene in scenes)
        for kind, split in splits.items()
    }
    return tuple(
        Split(splits[kind].train, splits[kind].test, across[_other(kind)])
        for kind in (concept.kind for concept in concepts)
    )


def _other(kind: str) -> str:
    return "style" if kind == "object" else "object"


def _divided(
    concept: Concept,
    ranks: tuple[Sequence[str], Sequence[str], Sequence[str]],
    weights: tuple[int, int],
    rng: np.random.Generator,
) -> Split:
    """Contexts by the sum of their weighed ranks, a multiple of three being held out."""
    others, colours, backgrounds = ranks
    train: Contexts = {}
    test: Contexts = {}
    for rank, other in enumerate(others):
        scenes: dict[bool, list[Scene]] = {False: [], True: []}
        cells = list(_diagonal(len(colours), len(backgrounds)))
        # Another beginning for each value, or the first prompts would all show one colour.
        start = int(rng.integers(len(cells)))
        for colour, background in cells[start:] + cells[:start]:
            scene = Scene(colour=colours[colour], background=backgrounds[background])
            total = rank + weights[0] * colour + weights[1] * background
            scenes[total % _PARTS == 0].append(scene.replace(**{concept.other: other}))
        train[other], test[other] = tuple(scenes[False]), tuple(scenes[True])
    return Split(train, test)


Fits = Callable[[int, Scene], bool]
"""Whether a scene may stand at a place of a walk."""


def walk(
    concept: Concept,
    values: Sequence[str | None],
    contexts: Contexts,
    count: int,
    start: float = 0.0,
    fits: Fits | None = None,
) -> Iterator[Scene]:
    """The first `count` scenes of an endless walk in which all values come equally often.

    Every prefix is balanced (to within one) over `values` and over the other axis, and
    V x O scenes in a row hold every pair of the two once. Where everything fits, no scene comes
    twice before all contexts have been used; what does not fit is passed over. Walks with another
    `start`, a share in [0, 1), begin with other contexts.
    """
    others = tuple(contexts)
    pairs = list(_diagonal(len(values), len(others)))
    # How many contexts each pair has used or passed over.
    gone = [0] * len(pairs)
    for index in range(count):
        pair = index % len(pairs)
        value, other = pairs[pair]
        mine = contexts[others[other]]
        # Each value begins elsewhere, so that values that meet the same context meet it apart.
        stride = max(1, len(mine) // len(values))
        begin = int(start * len(mine)) + value * stride + gone[pair]
        scenes = (
            concept.place(values[value], mine[(begin + step) % len(mine)])
            for step in range(len(mine))
        )
        step, scene = next(
            (step, scene) for step, scene in enumerate(scenes) if fits is None or fits(index, scene)
        )
        gone[pair] += step + 1
        yield scene


def _diagonal(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """All cells of a table, so that every prefix is balanced over rows and over columns."""
    turn = math.lcm(rows, columns)
    for index in range(rows * columns):
        yield index % rows, (index + index // turn) % columns
