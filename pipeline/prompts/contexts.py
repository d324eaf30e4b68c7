"""Contexts in the order in which they are used: what a picture shows beside the concept.

A context is a scene without the concept: a value of the other axis that concepts can lie on, where
there is one, and one of each axis that none lies on, such as a colour and a background.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import numpy as np

from pipeline.prompts.concept import Concept
from pipeline.prompts.scene import Scene

_MOST_CONTEXTS: Final = 4096
"""Of each value of the other axis; a balanced part of them where there are more."""

Contexts = dict[str | None, tuple[Scene, ...]]
"""Value of the other axis (None: there is none) -> its contexts, in the order they are used."""

Arranged = Iterator[tuple[str | None, list[tuple[tuple[int, ...], Scene]]]]
"""Values of the other axis with their contexts, each behind the ranks of its values."""


def arranged(
    concept: Concept,
    others: Sequence[str | None],
    context: Mapping[str, Sequence[str]],
    rng: np.random.Generator,
) -> Arranged:
    """Each value of the other axis with its contexts, behind the ranks of their values."""
    words, axis = concept.words, concept.other
    cells = _cells([len(values) for values in context.values()])
    for other in others:
        about = {} if axis is None else {axis: other}
        # Another beginning for each value, or the first prompts would all show one colour.
        start = int(rng.integers(len(cells)))
        yield (
            other,
            [
                (ranks, words.scene(**about, **_at(ranks, context)))
                for ranks in cells[start:] + cells[:start]
            ],
        )


def contexts_of(arranged: Arranged) -> Contexts:
    """The same without ranks."""
    return {other: tuple(scene for _, scene in cells) for other, cells in arranged}


def diagonal(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """All cells of a table, so that every prefix is balanced over rows and over columns."""
    turn = math.lcm(rows, columns)
    for index in range(rows * columns):
        yield index % rows, (index + index // turn) % columns


def _at(ranks: tuple[int, ...], context: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {axis: values[rank] for rank, (axis, values) in zip(ranks, context.items(), strict=True)}


def _cells(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Cells of a table with that many sides, so that every prefix is balanced over all of them."""
    cells: list[tuple[int, ...]] = [()]
    for size in sizes:
        pairs = islice(diagonal(len(cells), size), _MOST_CONTEXTS)
        cells = [(*cells[place], rank) for place, rank in pairs]
    return cells
