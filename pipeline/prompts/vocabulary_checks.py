"""What can be wrong with a vocabulary whose single settings are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from pipeline.config import Problem
from pipeline.config.suggestions import did_you_mean
from pipeline.prompts.vocabulary_file import VocabularyFile
from pipeline.prompts.wording import ARTICLES, slots, stray_signs

PARTS: Final = 3
"""One context in three is held out, by sums of ranks modulo this."""

_RESERVED: Final = ("none", "none of these")
"""What experiments and judges mean by these is no value."""


def problems_in(file: VocabularyFile) -> Iterator[Problem]:
    """Every contradiction between a vocabulary's settings."""
    yield from _axes(file)
    yield from _unknown_axes(file)
    yield from _unknown_values(file)
    yield from _sentences(file)
    yield from _captions(file)
    yield from _what_is_held_out(file)


def _axes(file: VocabularyFile) -> Iterator[Problem]:
    if len(set(file.concept_axes)) < len(file.concept_axes):
        yield Problem("concept_axes", "each axis once", ", ".join(file.concept_axes))
    home: dict[str, str] = {}
    for axis, phrases in file.axes.items():
        if axis in (*ARTICLES, "value"):
            remedy = f"in sentences {{{axis}}} means something else; give it another name"
            yield Problem(f"axes.{axis}", "another name", axis, remedy)
        if axis in file.concept_axes and len(phrases) == 1:
            remedy = "what is forgotten needs another value beside it that is kept"
            yield Problem(f"axes.{axis}", "two values or more", "one", remedy)
        silent = [value for value, phrase in phrases.items() if not phrase.strip()]
        if len(silent) > 1:
            remedy = "their sentences would be the same"
            yield Problem(f"axes.{axis}", "one silent value at most", ", ".join(silent), remedy)
        for value, phrase in phrases.items():
            place = f"axes.{axis}.{value}"
            if value in _RESERVED:
                yield Problem(place, "another name", value, "it has a meaning of its own")
            if value in home:
                remedy = f"it is one of {home[value]} already"
                yield Problem(place, "a value that no other axis has", value, remedy)
            if not (value + phrase).isprintable() or set("[]{}") & set(value + phrase):
                expected = "text without brackets, braces, tabs and the like"
                yield Problem(place, expected, ascii(phrase)[:70])
            home.setdefault(value, axis)


def _unknown_axes(file: VocabularyFile) -> Iterator[Problem]:
    by_axis: tuple[tuple[str, Mapping[str, object]], ...] = (
        ("concept_axes", dict.fromkeys(file.concept_axes)),
        ("without", file.without),
        ("unnamed", file.unnamed),
        ("plain", file.plain),
        ("bare", file.bare),
        ("captions", file.captions),
        ("held_out", file.held_out),
    )
    for field, entries in by_axis:
        for axis in entries:
            if axis not in file.axes:
                remedy = did_you_mean(axis, file.axes)
                yield Problem(f"{field}.{axis}", "one of the axes", axis, remedy)


def _unknown_values(file: VocabularyFile) -> Iterator[Problem]:
    every = list(chain.from_iterable(file.axes.values()))
    for value in file.plurals:
        if value not in every:
            yield Problem("plurals", "a value of some axis", value, did_you_mean(value, every))
    for axis, value in file.plain.items():
        yield from _off_axis(file, axis, f"plain.{axis}", [value])
    for axis, values in file.held_out.items():
        yield from _off_axis(file, axis, f"held_out.{axis}", values)
    for value, near in file.neighbours.items():
        place = f"neighbours.{value}"
        own = next((each for each in file.concept_axes if value in file.axes.get(each, ())), None)
        if own is None:
            concepts = [one for each in file.concept_axes for one in file.axes.get(each, ())]
            yield Problem(place, "a value that can be erased", value, did_you_mean(value, concepts))
            continue
        yield from _off_axis(file, own, place, near)
        if value in near or len(set(near)) < len(near):
            yield Problem(place, "other values, each once", ", ".join(near))


def _off_axis(
    file: VocabularyFile, axis: str, place: str, values: list[str] | tuple[str, ...]
) -> Iterator[Problem]:
    for value in values if axis in file.axes else ():
        if value not in file.axes[axis]:
            remedy = did_you_mean(value, file.axes[axis])
            yield Problem(place, f"a value of {axis}", value, remedy)


def _sentences(file: VocabularyFile) -> Iterator[Problem]:
    placed = [(f"sentences.{number}", text, "") for number, text in enumerate(file.sentences)]
    for axis, sentences in file.without.items():
        if len(sentences) != len(file.sentences):
            expected = f"{len(file.sentences)}, one for each sentence"
            yield Problem(f"without.{axis}", expected, str(len(sentences)))
        placed += [
            (f"without.{axis}.{number}", text, axis) for number, text in enumerate(sentences)
        ]
    for place, text, left_open in placed:
        yield from _template(place, text, [axis for axis in file.axes if axis != left_open])
    for axis, number in file.bare.items():
        if number >= len(file.sentences):
            expected = f"a number below {len(file.sentences)}, as counted from 0"
            yield Problem(f"bare.{axis}", expected, str(number))


def _captions(file: VocabularyFile) -> Iterator[Problem]:
    for axis, text in file.captions.items():
        unknown = [slot for slot in slots(text) if slot not in ("value", axis)]
        if unknown or stray_signs(text) or not slots(text):
            expected = f"a text with {{value}} or {{{axis}}}, and no other slot than {{a}}"
            yield Problem(f"captions.{axis}", expected, text)
    for axis in file.concept_axes:
        named = slots(file.captions.get(axis, "")) == [axis] or axis not in file.captions
        silent = [value for value, phrase in file.axes.get(axis, {}).items() if not phrase.strip()]
        if named and silent:
            remedy = f"sentences do not name it; write a caption with {{value}} for {axis}"
            yield Problem(f"captions.{axis}", f"a caption that names {silent[0]}", "none", remedy)


def _template(place: str, text: str, axes: list[str]) -> Iterator[Problem]:
    counts = Counter(slots(text))
    unknown = [slot for slot in counts if slot not in axes]
    if unknown:
        remedy = did_you_mean(unknown[0], axes)
        yield Problem(place, "slots of its axes", f"{{{unknown[0]}}}", remedy)
    lacking = [axis for axis in axes if axis not in counts]
    if lacking:
        remedy = f"add {{{lacking[0]}}}: pictures are judged by what their sentences say"
        yield Problem(place, "a slot for every axis", text, remedy)
    if stray_signs(text) or not text.isprintable():
        remedy = "slots are {axis} and {a}, parts that may be left out [so]"
        yield Problem(place, "slots and brackets that match", text, remedy)


def _what_is_held_out(file: VocabularyFile) -> Iterator[Problem]:
    context = [axis for axis in file.axes if axis not in file.concept_axes]
    if file.shares_sentences:
        if file.held_out:
            remedy = "remove one of the two"
            yield Problem("held_out", "nothing, as sentences are shared", "some values", remedy)
        return
    for axis, values in file.held_out.items():
        if set(values) >= set(file.axes.get(axis, ())):
            yield Problem(f"held_out.{axis}", "some of its values", "all", "leave some to teach")
    if file.held_out and not any(axis in file.held_out for axis in context):
        remedy = "else concepts on a listed axis would have nothing held out"
        yield Problem("held_out", "an axis of context too", ", ".join(file.held_out), remedy)
    if not file.held_out and all(len(file.axes[axis]) < PARTS for axis in context):
        remedy = (
            "without one no context can be held out for judging: add one, list values in held_out, "
            "or set shares_sentences: true"
        )
        yield Problem("axes", "an axis of context with three values or more", "none", remedy)
