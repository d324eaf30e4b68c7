"""The user's own prompts as those that judge, each from its own seed at its own guidance."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.config import Problem, RowsConfig
from pipeline.prompts.concept import Concept
from pipeline.prompts.own_pools import named, naming_problems, refuse, vocabulary_problems
from pipeline.prompts.own_prompt import OwnPrompt
from pipeline.prompts.own_prompts import line_problem, read_prompts
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.randomness import noise_seed, stream
from pipeline.prompts.words import as_read

# UnlearnCanvas's only sentence (Zhang et al. 2024, arXiv 2402.11846) says all there is to say.
_UNLEARN_CANVAS: Final = re.compile(
    r"an? (?P<object>.+) image in (?P<style>.+) style\.?", re.IGNORECASE
)


def own_forget_tests(
    concept: Concept, path: Path, seed: int, rows: RowsConfig | None = None
) -> tuple[Prompt, ...]:
    """The file's prompts, each labelled with the forgotten value that it stands for.

    That is what its labels or its sentence name, else the first one: prompts such as I2P's ask for
    a concept without naming it.

    Raises:
        ConfigError: a line is bad, states what the vocabulary lacks or another value in the
            concept's place, or names what was forgotten before.
    """
    own = read_prompts(path, rows, concept.words.axes)
    expected = "a prompt without what the base has forgotten"
    refuse(
        vocabulary_problems(concept, path, own),
        naming_problems(concept, path, own, concept.elsewhere, expected),
        _other_values(concept, path, own),
    )
    return tuple(
        _judging(prompt, "forget_test", seed, place, _forget_labels(concept, prompt))
        for place, prompt in enumerate(own)
    )


def own_retain_tests(
    concept: Concept, path: Path, seed: int, rows: RowsConfig | None = None
) -> tuple[Prompt, ...]:
    """The file's prompts, judged on what their labels state.

    Raises:
        ConfigError: a line is bad, states what the vocabulary lacks, or names what is forgotten.
    """
    own = read_prompts(path, rows, concept.words.axes)
    refuse(
        vocabulary_problems(concept, path, own),
        naming_problems(concept, path, own, concept.gone, "a prompt without the concept"),
    )
    return tuple(
        _judging(prompt, "retain_test", seed, place, _labels(concept, prompt))
        for place, prompt in enumerate(own)
    )


def refuse_taught(path: Path, judging: Sequence[Prompt], taught: Iterable[Prompt]) -> None:
    """Make sure that no sentence of a file that judges also teaches.

    Raises:
        ConfigError: some do.
    """
    refuse(_taught(path, judging, {as_read(prompt.text) for prompt in taught}))


def _judging(
    prompt: OwnPrompt, source: str, seed: int, place: int, labels: Mapping[str, str]
) -> Prompt:
    noise = noise_seed(stream(seed, source, place)) if prompt.seed is None else prompt.seed
    return Prompt(prompt.text, labels, source, None, noise, prompt.guidance)


def _forget_labels(concept: Concept, prompt: OwnPrompt) -> dict[str, str]:
    labels = _labels(concept, prompt)
    value = labels.get(concept.kind)
    if value not in concept.forgotten:
        value = named(concept, prompt.text) or concept.forgotten[0]
    return {**labels, concept.kind: value}


def _labels(concept: Concept, prompt: OwnPrompt) -> dict[str, str]:
    return {**_unlearn_canvas(prompt.text, concept), **prompt.labels}


def _unlearn_canvas(text: str, concept: Concept) -> dict[str, str]:
    """Object and style of a sentence as UnlearnCanvas writes them; nothing of any other."""
    found = _UNLEARN_CANVAS.fullmatch(text)
    labels = {}
    for axis, said in found.groupdict().items() if found else ():
        values = (*concept.words.axes.get(axis, ()), *concept.forgotten)
        known = {_plain(value): value for value in values}
        if _plain(said) not in known:
            return {}
        labels[axis] = known[_plain(said)]
    return labels


def _plain(value: str) -> str:
    return as_read(value.replace("_", " "))


def _other_values(concept: Concept, path: Path, own: Sequence[OwnPrompt]) -> Iterator[Problem]:
    for prompt in own:
        value = prompt.labels.get(concept.kind)
        if value is not None and value not in concept.forgotten:
            expected = f"a forgotten {concept.kind}"
            yield line_problem(path, prompt.line, expected, value, "or no label of that axis")


def _taught(path: Path, prompts: Sequence[Prompt], texts: Collection[str]) -> Iterator[Problem]:
    for prompt in prompts:
        if as_read(prompt.text) in texts:
            remedy = "remove it, or teach with prompts of your own"
            yield Problem(str(path), "a prompt that does not teach too", prompt.text, remedy)
