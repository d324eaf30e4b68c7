"""Captions of Fashion Canvas's pictures, from several templates, stating all or some attributes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.prompts.fashion import BACKGROUNDS, COLOURS, OBJECTS, STYLES
from pipeline.prompts.words import thing_phrase, with_article

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
    name = "thing" if stated[_OBJECT] == UNSTATED else OBJECTS[stated[_OBJECT]]
    colour = None if stated[_COLOUR] == UNSTATED else COLOURS[stated[_COLOUR]]
    thing = thing_phrase(name, colour)
    if stated[_BACKGROUND] != UNSTATED:
        thing += f" on {with_article(BACKGROUNDS[stated[_BACKGROUND]])} background"
    if stated[_STYLE] == UNSTATED:
        return (thing, f"a picture of {thing}", f"an image of {thing}", thing, thing)[template]
    style = STYLES[stated[_STYLE]]
    return (
        f"{with_article(style)} style picture of {thing}",
        f"{with_article(style)} of {thing}",
        f"{thing}, {style}",
        f"{with_article(style)} style image of {thing}",
        f"{thing} in {style} style",
    )[template]
