"""The words of prompts: axes and their values, who is whose neighbour, and the sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from pipeline.config import ConfigError, Problem
from pipeline.config.suggestions import did_you_mean
from pipeline.prompts.prompt import SOURCES
from pipeline.prompts.scene import Scene
from pipeline.prompts.vocabulary_reading import read_vocabulary_file
from pipeline.prompts.wording import worded
from pipeline.prompts.words import with_article

VOCABULARIES: Final = (
    "fashion-canvas",
    "people",
    "art-styles",
    "things",
    "unlearncanvas",
    "cifar10",
)
"""Names of the vocabularies that ship."""

_SHIPPED: Final = Path(__file__).resolve().parent / "vocabularies"
_FILE_ENDINGS: Final = (".yaml", ".yml")


@dataclass(frozen=True)
class Vocabulary:
    """What pictures can show and how it is said; `VocabularyFile` says more of each field.

    Attributes:
        name: what experiments call it.
        axes: values by axis.
        neighbours: value -> the values an erasure is most likely to drag along, nearest first.
        concept_axes: those that concepts can lie on, one or two; the others are context.
        sentences: templates of `wording`.
        without: axis -> the sentences where that one is left open, as many as `sentences`.
        phrases: axis -> value -> what a sentence says for it, where that is not the value itself.
        unnamed: axis -> what a sentence says where it is left open; absent: nothing.
        plurals: values that take no article.
        plain: axis -> the value that goes without saying: bare sentences have it, and it is the
            first choice of an anchor.
        bare: concept axis -> number of the sentence of its bare scenes; absent: 0.
        captions: axis -> template of a caption of one value alone.
        held_out: axis -> values that only prompts that judge name.
        shares_sentences: whether the same sentences teach and judge, with other noise.
    """

    name: str
    axes: Mapping[str, tuple[str, ...]]
    neighbours: Mapping[str, tuple[str, ...]]
    concept_axes: tuple[str, ...]
    sentences: tuple[str, ...]
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    phrases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unnamed: Mapping[str, str] = field(default_factory=dict)
    plurals: frozenset[str] = frozenset()
    plain: Mapping[str, str] = field(default_factory=dict)
    bare: Mapping[str, int] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)
    held_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shares_sentences: bool = False

    @property
    def context_axes(self) -> tuple[str, ...]:
        """The axes that no concept lies on."""
        return tuple(axis for axis in self.axes if axis not in self.concept_axes)

    @property
    def sources(self) -> tuple[str, ...]:
        """Those of `SOURCES` that this vocabulary has prompts for.

        `other_axis` takes a second axis of concepts, `generic` anything to say beside the concept.
        """
        lacking = {"other_axis"} if len(self.concept_axes) == 1 else set()
        lacking |= {"generic"} if len(self.axes) == 1 else set()
        return tuple(source for source in SOURCES if source not in lacking)

    @property
    def templates(self) -> int:
        """How many sentences `describe` knows for a scene."""
        return len(self.sentences)

    def scene(self, /, **stated: str | None) -> Scene:
        """The scene with these values; the other axes are left open."""
        return Scene(tuple(dict.fromkeys(self.axes).items())).replace(**stated)

    def bare_scene(self, axis: str, value: str | None) -> tuple[Scene, int]:
        """The undiversified scene of a value and its template: `a photo of a sneaker`."""
        plain = {
            other: usual
            for other, usual in self.plain.items()
            if other != axis and usual in self.axes[other]
        }
        return self.scene(**plain, **{axis: value}), self.bare.get(axis, 0)

    def describe(self, scene: Scene, template: int = 0) -> str:
        """The sentence that asks for a scene.

        Args:
            scene: what to show; what it leaves open is not said.
            template: which of the `templates` sentences; where an axis is left open some may be
                the same.

        Raises:
            IndexError: there is no such template.
        """
        stated = scene.labels()
        sentences = next(
            (others for axis, others in self.without.items() if axis not in stated),
            self.sentences,
        )
        phrases = {axis: self.phrase(axis, value) for axis, value in stated.items()}
        plurals = [axis for axis, value in stated.items() if value in self.plurals]
        return worded(sentences[template], {**self.unnamed, **phrases}, plurals)

    def caption(self, axis: str, value: str) -> str:
        """What a picture that shows this value is called, by itself: `a photo of a church`."""
        if axis not in self.captions:
            return self.describe(*self.bare_scene(axis, value))
        phrases = {axis: self.phrase(axis, value), "value": value}
        return worded(self.captions[axis], phrases, phrases if value in self.plurals else ())

    def phrase(self, axis: str, value: str) -> str:
        """What a sentence says for a value; nothing for a silent one."""
        return self.phrases.get(axis, {}).get(value, value)

    def thing(self, value: str, adjective: str | None = None) -> str:
        """A value behind its article, a plural without one: `an orange sneaker`, `red trousers`."""
        phrase = value if adjective is None else f"{adjective} {value}"
        return phrase if value in self.plurals else with_article(phrase)


def vocabulary(name: str) -> Vocabulary:
    """The vocabulary of that name, or of a user's own YAML file.

    Raises:
        ConfigError: there is none, or the file is wrong; with all the problems there are.
    """
    if name.endswith(_FILE_ENDINGS):
        return _read(Path(name), name)
    if name not in VOCABULARIES:
        expected = "a vocabulary that ships, or the path of a .yaml file"
        remedy = (
            f"{did_you_mean(name, VOCABULARIES)}; for a few other words, give prompts.forget_file "
            "and prompts.retain_file"
        )
        raise ConfigError([Problem("prompts.vocabulary", expected, name, remedy)])
    return _shipped(name)


@cache
def _shipped(name: str) -> Vocabulary:
    return _read(_SHIPPED / f"{name}.yaml", name)


def _read(path: Path, name: str) -> Vocabulary:
    file = read_vocabulary_file(path)
    return Vocabulary(
        name=name,
        axes={axis: tuple(phrases) for axis, phrases in file.axes.items()},
        neighbours=file.neighbours,
        concept_axes=file.concept_axes,
        sentences=file.sentences,
        without=file.without,
        phrases=file.axes,
        unnamed=file.unnamed,
        plurals=frozenset(file.plurals),
        plain=file.plain,
        bare=file.bare,
        captions=file.captions,
        held_out=file.held_out,
        shares_sentences=file.shares_sentences,
    )
