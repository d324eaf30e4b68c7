"""Is a difference from the base more than noise? Picture by picture, with intervals.

Both models draw each prompt from the same noise, so that what a prompt or a noise makes hard is
hard for both and leaves the difference; the interval is then narrower than those of two means.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from pipeline.evaluation.intervals import bootstrap_interval
from pipeline.evaluation.measures import Floats
from pipeline.evaluation.report import JudgedPicture, PairedDifference

_SEED: Final = 0  # of the bootstrap: a report judged again says the same

Difference = tuple[str, float]
"""A prompt, and model - base of one of its pictures."""


def paired_differences(
    pictures: Sequence[JudgedPicture], own: str, other: str | None, repeats: int | None = None
) -> dict[str, PairedDifference]:
    """Model - base with 95 % bootstrap intervals, by the keys of `formulas.PAIRED_FORMULAS`.

    The pictures of one prompt are averaged first and prompts are resampled: repeats of a prompt are
    no independent witnesses. Where every prompt's difference is the same (mostly 0) the interval
    has no width; of n prompts without a change up to about 3 / n may still change (Hanley and
    Lippman-Hand 1983).

    Args:
        pictures: all of a report's.
        own: the axis that the concept lies on.
        other: the other erasable axis; None where there is none, and no `cra`.
        repeats: pictures of each prompt, where several prompts are the same sentence from other
            noise, as of a class's name; None where a sentence is one prompt.

    Raises:
        ValueError: no retain prompt names one of the axes, or there are none of a kind.
    """
    retain = [each for each in pictures if each.target_probability is None]
    forget = [each for each in pictures if each.target_probability is not None]
    named, erased = _named(retain, repeats), _named(forget, repeats)
    return {
        "ira": _difference(_of_correctness(named, own)),
        **({} if other is None else {"cra": _difference(_of_correctness(named, other))}),
        "clip": _difference(_of_cosines(named)),
        "clip_forget": _difference(_of_cosines(erased)),
    }


def _named(
    pictures: Sequence[JudgedPicture], repeats: int | None
) -> list[tuple[str, JudgedPicture]]:
    """Each picture behind what tells its prompt from others; those of one follow each other."""
    return [
        (each.text if repeats is None else f"{place // repeats} {each.text}", each)
        for place, each in enumerate(pictures)
    ]


def _of_correctness(
    pictures: Iterable[tuple[str, JudgedPicture]], axis: str
) -> Iterator[Difference]:
    for prompt, each in pictures:
        if axis in each.asked:
            wanted = each.asked[axis]
            yield prompt, float(each.seen[axis] == wanted) - (each.base_seen[axis] == wanted)


def _of_cosines(pictures: Iterable[tuple[str, JudgedPicture]]) -> Iterator[Difference]:
    for prompt, each in pictures:
        yield prompt, each.clip - each.base_clip


def _difference(differences: Iterable[Difference]) -> PairedDifference:
    found = bootstrap_interval(_by_prompt(differences)[np.newaxis], _SEED)
    return PairedDifference(mean=found.mean, low=found.low, high=found.high, count=found.count)


def _by_prompt(differences: Iterable[Difference]) -> Floats:
    by_prompt: defaultdict[str, list[float]] = defaultdict(list)
    for prompt, difference in differences:
        by_prompt[prompt].append(difference)
    return np.array([np.mean(values) for values in by_prompt.values()])
