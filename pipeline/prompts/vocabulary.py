"""What a picture can show, and the sentence that asks for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.config import EMBEDDED_NAME
from pipeline.prompts.fashion import BACKGROUNDS, COLOURS, NEIGHBOURS, OBJECTS, STYLES
from pipeline.prompts.words import thing_phrase, with_article

AXES: Final = ("object", "style", "colour", "background")
"""What scenes vary in; concepts lie on the first two, the others are context."""

UNNAMED_OBJECT: Final = "thing"
"""What a sentence calls an object that is left open."""

# Where a sentence names a style, {style}; {a_style} is the style behind its article.
_STYLED: Final = (
    "{a_style} style picture of {thing}",
    "{a_style} of {thing}",
    "{thing}, {style}",
    "{a_style} style image of {thing}",
    "{thing} in {style} style",
)
_UNSTYLED: Final = ("{thing}", "a picture of {thing}", "an image of {thing}", "{thing}", "{thing}")


@dataclass(frozen=True)
class Scene:
    """What a picture shows: one value on each axis, or None where that is left open."""

    object: str | None = None
    style: str | None = None
    colour: str | None = None
    background: str | None = None

    def replace(self, **changes: str | None) -> Scene:
        """The scene with other values on some axes."""
        return dataclasses.replace(self, **changes)

    def labels(self) -> dict[str, str]:
        """Axis -> value, of the axes that are stated."""
        stated = ((axis, getattr(self, axis)) for axis in AXES)
        return {axis: value for axis, value in stated if value is not None}


@dataclass(frozen=True)
class Vocabulary:
    """The values of each axis, and which of them are alike.

    Attributes:
        name: what experiments call it.
        axes: values by axis, for the axes of `AXES`.
        neighbours: value -> the values an erasure is most likely to drag along, nearest first.
    """

    name: str
    axes: Mapping[str, tuple[str, ...]]
    neighbours: Mapping[str, tuple[str, ...]]

    @property
    def templates(self) -> int:
        """How many sentences `describe` knows for a scene."""
        return len(_STYLED)

    def describe(self, scene: Scene, template: int = 0) -> str:
        """The sentence that asks for a scene, of the shapes that the base model learned.

        Args:
            scene: what to show; what it leaves open is not said.
            template: which of the `templates` sentences; without a style some are the same.

        Raises:
            IndexError: there is no such template.
        """
        thing = thing_phrase(scene.object or UNNAMED_OBJECT, scene.colour)
        if scene.background is not None:
            thing = f"{thing} on {with_article(scene.background)} background"
        if scene.style is None:
            return _UNSTYLED[template].format(thing=thing)
        return _STYLED[template].format(
            thing=thing, style=scene.style, a_style=with_article(scene.style)
        )


_FASHION_CANVAS: Final = Vocabulary(
    name=EMBEDDED_NAME,
    axes={"object": OBJECTS, "style": STYLES, "colour": COLOURS, "background": BACKGROUNDS},
    neighbours=NEIGHBOURS,
)


def vocabulary(name: str) -> Vocabulary:
    """The vocabulary of that name.

    Raises:
        ValueError: there is none.
    """
    if name != EMBEDDED_NAME:
        raise ValueError(
            f"prompts.vocabulary: expected {EMBEDDED_NAME}, got {name} "
            "(for other words, give prompts.forget_file and prompts.retain_file)"
        )
    return _FASHION_CANVAS
