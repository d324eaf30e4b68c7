"""Pools made of the user's own prompts in place of the vocabulary's."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from pipeline.config import ConfigError, Problem, RowsConfig
from pipeline.config.suggestions import did_you_mean
from pipeline.prompts.concept import Concept
from pipeline.prompts.ground import partner_value
from pipeline.prompts.own_prompt import OwnPrompt
from pipeline.prompts.own_prompts import line_problem, read_prompts
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.randomness import noise_seed, stream
from pipeline.prompts.words import as_read, with_article


def own_forget_prompts(
    concept: Concept,
    path: Path,
    count: int,
    seed: int,
    held_out: Collection[str],
    rows: RowsConfig | None = None,
) -> tuple[Prompt, ...]:
    """The file's prompts, repeated with other noise up to `count`; all of them if it has more.

    A prompt without an anchor of its own gets its sentence with the anchor in the concept's
    place, or the bare anchor where the sentence does not name the concept.

    Raises:
        ConfigError: a line is bad, states what the vocabulary lacks, is held out for judging, or
            names what was forgotten before.
    """
    own = read_prompts(path, rows, concept.words.axes)
    refuse(
        vocabulary_problems(concept, path, own),
        _held_out_problems(path, own, held_out),
        naming_problems(
            concept, path, own, concept.elsewhere, "a prompt without what the base has forgotten"
        ),
    )
    return tuple(
        Prompt(
            prompt.text,
            dict(prompt.labels),
            "own",
            prompt.anchor or anchored(concept, prompt.text),
            noise,
        )
        for prompt, noise in _repeated(own, count, seed, "own_forget")
    )


def own_partner_prompts(
    concept: Concept, forget: Sequence[Prompt], seed: int, held_out: Collection[str]
) -> tuple[Prompt, ...]:
    """Each own forget prompt with a retained value in the concept's place, if it names that.

    Raises:
        ConfigError: all that could stand beside a prompt judges.
    """
    partners = []
    for place, prompt in enumerate(forget):
        first = concept.retained.index(partner_value(concept, place, seed))
        candidates = concept.retained[first:] + concept.retained[:first]
        found = (
            (value, text)
            for value in candidates
            if as_read(text := swapped(concept, prompt.text, value)) not in held_out
        )
        partner = next(found, None)
        if partner is None:
            expected = "prompts whose partners are not held out for judging"
            remedy = "remove it, or choose another prompts.seed"
            raise ConfigError([Problem("prompts.forget_file", expected, prompt.text, remedy)])
        value, text = partner
        labels = {**prompt.labels, concept.kind: value} if prompt.labels else {}
        partners.append(Prompt(text, labels, "same_context", None, prompt.seed))
    return tuple(partners)


def own_retain_prompts(
    concept: Concept,
    path: Path,
    count: int,
    seed: int,
    held_out: Collection[str],
    rows: RowsConfig | None = None,
) -> tuple[Prompt, ...]:
    """The file's prompts, repeated with other noise up to `count`; all of them if it has more.

    Raises:
        ConfigError: a line is bad, states what the vocabulary lacks, is held out for judging, or
            names what is to be forgotten.
    """
    own = read_prompts(path, rows, concept.words.axes)
    refuse(
        vocabulary_problems(concept, path, own),
        _held_out_problems(path, own, held_out),
        naming_problems(concept, path, own, concept.gone, "a prompt without the concept"),
    )
    return tuple(
        Prompt(prompt.text, dict(prompt.labels), "own", None, noise)
        for prompt, noise in _repeated(own, count, seed, "own_retain")
    )


def swapped(concept: Concept, text: str, value: str | None) -> str:
    """The sentence with a value in the forgotten one's place, its article and plural adjusted.

    Where the sentence names nothing forgotten, the bare sentence of the value. None leaves the
    concept out: an unnamed thing where the vocabulary has a name for it, the sentence without the
    word where it has a silent value; of a style, which a sentence can name in too many ways to cut
    it out, only the thing stays. A silent value's sentence has no word for it either.
    """
    words, kind = concept.words, concept.kind
    if named(concept, text) is None:
        return words.describe(*((words.scene(), 0) if value is None else concept.bare_scene(value)))
    can_be_cut = "" in words.phrases.get(kind, {}).values()
    if value is None and kind not in words.unnamed and not can_be_cut:
        return words.describe(words.scene())
    if value is None:
        said = words.unnamed.get(kind, "")
    else:
        said = value if words.phrase(kind, value) else ""
    for forgotten in concept.forgotten:
        replacement = partial(_replacement, concept=concept, forgotten=forgotten, value=said)
        text = _pattern(concept, forgotten).sub(replacement, text)
    return text if said else " ".join(text.split())


def anchored(concept: Concept, text: str) -> str:
    """The sentence with the concept's anchor in its place."""
    return swapped(concept, text, concept.anchors[named(concept, text) or concept.forgotten[0]])


def _replacement(found: re.Match[str], *, concept: Concept, forgotten: str, value: str) -> str:
    """What stands in a forgotten value's place; without a value the article fits what follows."""
    words, adjective = concept.words, found["adjective"]
    if found["article"] is not None:
        if value:
            phrase = words.thing(value, adjective)
        else:
            following = adjective or found.string[found.end() :].strip()
            article = with_article(following).partition(" ")[0] if following else ""
            phrase = article if adjective is None else f"{article} {adjective}"
        return phrase[:1].upper() + phrase[1:] if found["article"][0].isupper() else phrase
    several = found["plural"] is not None or forgotten in words.plurals
    word = _plural(concept, value) if several and value else value
    return word if adjective is None else f"{adjective} {word}"


def _plural(concept: Concept, value: str) -> str:
    if value in concept.words.plurals:
        return value
    return f"{value}es" if value.endswith("s") else f"{value}s"


def named(concept: Concept, text: str) -> str | None:
    """The forgotten value that a sentence names, if it names one."""
    values = concept.forgotten
    return next((value for value in values if _pattern(concept, value).search(text)), None)


def _pattern(concept: Concept, value: str) -> re.Pattern[str]:
    words = concept.words
    context = [value for axis in words.context_axes for value in words.axes[axis]]
    # Without context there is no adjective: an empty class of characters never matches.
    adjectives = "|".join(map(re.escape, context)) or r"[^\s\S]"
    word = re.escape(value).replace(r"\ ", r"[\s-]")
    return re.compile(
        rf"(?<![\w-])(?:(?P<article>an?)\s+)?(?:(?P<adjective>{adjectives})\s+)?"
        rf"{word}(?P<plural>e?s)?(?![\w-])",
        re.IGNORECASE,
    )


def _repeated(
    own: Sequence[OwnPrompt], count: int, seed: int, name: str
) -> Iterator[tuple[OwnPrompt, int]]:
    """Prompts in turn, each with the seed it asks for at first and with a drawn one after that."""
    for place in range(max(count, len(own))):
        turn, within = divmod(place, len(own))
        asked = own[within].seed if turn == 0 else None
        yield own[within], noise_seed(stream(seed, name, place)) if asked is None else asked


def vocabulary_problems(
    concept: Concept, path: Path, own: Sequence[OwnPrompt]
) -> Iterator[Problem]:
    """Lines with labels of axes or of values that the vocabulary lacks."""
    axes = concept.words.axes
    for prompt in own:
        for axis, value in prompt.labels.items():
            if axis not in axes:
                remedy = did_you_mean(axis, axes)
                yield line_problem(path, prompt.line, "labels of known axes", axis, remedy)
            elif value not in (*axes[axis], *concept.elsewhere.get(axis, ())):
                remedy = did_you_mean(value, axes[axis])
                yield line_problem(path, prompt.line, f"a known {axis}", value, remedy)


def naming_problems(
    concept: Concept,
    path: Path,
    own: Sequence[OwnPrompt],
    gone: Mapping[str, Sequence[str]],
    expected: str,
) -> Iterator[Problem]:
    """Lines that name a value of those, axis by axis, that they must not."""
    for prompt in own:
        if any(
            prompt.labels.get(axis) == value or _pattern(concept, value).search(prompt.text)
            for axis, values in gone.items()
            for value in values
        ):
            yield line_problem(path, prompt.line, expected, prompt.text, "remove it")


def _held_out_problems(
    path: Path, own: Sequence[OwnPrompt], held_out: Collection[str]
) -> Iterator[Problem]:
    remedy = "remove it, or choose another prompts.seed"
    for prompt in own:
        if as_read(prompt.text) in held_out:
            expected = "a prompt that is not held out for judging"
            yield line_problem(path, prompt.line, expected, prompt.text, remedy)


def refuse(*problems: Iterator[Problem]) -> None:
    """Raise the problems, if there are any.

    Raises:
        ConfigError: with all of them.
    """
    found = [problem for each in problems for problem in each]
    if found:
        raise ConfigError(found)
