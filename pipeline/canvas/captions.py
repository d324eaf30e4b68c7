"""Captions of Fashion Canvas's pictures, from several templates, stating all or some attributes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.config import EMBEDDED_NAME
from pipeline.prompts.vocabulary import vocabulary

UNSTATED = -1
"""The label of an attribute that a caption leaves open."""

_SHORT_SHARE = 0.2
_COLOUR_UNSTATED_SHARE = 0.10
_BACKGROUND_UNSTATED_SHARE = 0.25
_OBJECT, _STYLE, _COLOUR, _BACKGROUND = range(4)


def draw_caption(labels: Sequence[int], rng: np.random.Generator) -> tuple[str, list[int]]:
    """Write one caption of a picture.

    Four in five captions state object and style, mostly with colour and background; the others
    state a single attribute or two, so that short prompts work too.

    Args:
        labels: object, style, colour, background.
        rng: what is drawn from.

    Returns:
        (caption, labels with `UNSTATED` for what the caption does not say).
    """
    stated = list(labels)
    if rng.random() < _SHORT_SHARE:
        kept = rng.choice(4, size=rng.integers(1, 3), replace=False)
        stated = [label if place in kept else UNSTATED for place, label in enumerate(labels)]
    else:
        if rng.random() < _COLOUR_UNSTATED_SHARE:
            stated[_COLOUR] = UNSTATED
        if rng.random() < _BACKGROUND_UNSTATED_SHARE:
            stated[_BACKGROUND] = UNSTATED
    return _phrase(stated, int(rng.integers(5))), stated


def canonical_caption(labels: Sequence[int]) -> str:
    """The caption that states all four attributes, in the first template."""
    return _phrase(labels, 0)


def _phrase(stated: Sequence[int], template: int) -> str:
    words = vocabulary(EMBEDDED_NAME)
    named = {
        axis: None if label == UNSTATED else values[label]
        for label, (axis, values) in zip(stated, words.axes.items(), strict=True)
    }
    return words.describe(words.scene(**named), template)
