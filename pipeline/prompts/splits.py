"""Which contexts teach and which judge, and a balanced walk through either.

A context is a scene without the concept: a value of the other axis, a colour and a background.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.prompts.concept import Concept
from pipeline.prompts.randomness import shuffled, stream
from pipeline.prompts.vocabulary import Scene

_PARTS: Final = 3
"""One part in three is held out."""

Contexts = dict[str, tuple[Scene, ...]]
"""Value of the other axis -> its contexts, in the order they are used."""


@dataclass(frozen=True)
class Split:
    """Disjoint contexts for training and for judging."""

    train: Contexts
    test: Contexts


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
    train: Contexts = {}
    test: Contexts = {}
    for rank, other in enumerate(others):
        scenes: dict[bool, list[Scene]] = {False: [], True: []}
        cells = list(_diagonal(len(colours), len(backgrounds)))
        # Another beginning for each value, or the first prompts would all show one colour.
        start = int(rng.integers(len(cells)))
        for colour, background in cells[start:] + cells[:start]:
            scene = Scene(colour=colours[colour], background=backgrounds[background])
            held_out = (rank + colour + background) % _PARTS == 0
            scenes[held_out].append(scene.replace(**{concept.other: other}))
        train[other], test[other] = tuple(scenes[False]), tuple(scenes[True])
    return Split(train, test)


def walk(
    concept: Concept,
    values: Sequence[str | None],
    contexts: Contexts,
    count: int,
    start: float = 0.0,
) -> Iterator[Scene]:
    """The first `count` scenes of an endless walk in which all values come equally often.

    Every prefix is balanced (to within one) over `values` and over the other axis, and
    V x O scenes in a row hold every pair of the two once. No scene comes twice before all
    contexts have been used. Walks with another `start`, a share in [0, 1), begin with other
    contexts.
    """
    others = tuple(contexts)
    pairs = list(_diagonal(len(values), len(others)))
    for index in range(count):
        value, other = pairs[index % len(pairs)]
        mine = contexts[others[other]]
        # Each value begins elsewhere, so that values that meet the same context meet it apart.
        stride = max(1, len(mine) // len(values))
        begin = int(start * len(mine)) + value * stride
        scene = mine[(begin + index // len(pairs)) % len(mine)]
        yield concept.place(values[value], scene)


def _diagonal(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """All cells of a table, so that every prefix is balanced over rows and over columns."""
    turn = math.lcm(rows, columns)
    for index in range(rows * columns):
        yield index % rows, (index + index // turn) % columns
