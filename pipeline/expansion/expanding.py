"""Writing sentences until enough of them can be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.expansion.brief import Brief
from pipeline.expansion.language_model import LanguageModel
from pipeline.prompts.randomness import noise_seed, shuffled, stream
from pipeline.prompts.sieve import Pool, Reason, Sieve

_BATCH: Final = 16
_EXAMPLES: Final = 6
_TRIES: Final = 20
"""Sentences written for each one that is wanted, before the model is given up."""

_AROUND: Final = " \t-*•\"'“”`"


@dataclass(frozen=True)
class Expansion:
    """What came of it.

    Attributes:
        prompts: the sentences that passed, in the order they were written.
        written: how many sentences there were in all.
        removed: reason -> how many were stopped by it, the most frequent first.
    """

    prompts: tuple[str, ...]
    written: int
    removed: Mapping[Reason, int]


Progress = Callable[[int, int, int], None]
"""Called with (passed, wanted, written)."""


def write_prompts(
    writer: LanguageModel,
    brief: Brief,
    sieve: Sieve,
    pool: Pool,
    *,
    count: int,
    seed: int,
    progress: Progress | None = None,
) -> Expansion:
    """Have sentences written until `count` of them pass, or too few of very many do.

    A longer expansion begins with a shorter one of the same seed.

    Args:
        writer: the language model.
        brief: what it is to write.
        sieve: what stops a sentence.
        pool: names the stream of random numbers.
        count: how many sentences are wanted.
        seed: of examples and of what the model draws.
        progress: told after each batch.
    """
    passed: list[str] = []
    removed: Counter[Reason] = Counter()
    written = 0
    while len(passed) < count and written < _TRIES * count + _BATCH:
        rng = stream(seed, f"expand_{pool}", written)
        rows = range(written, written + _BATCH)
        for sentence in writer.sentences(
            brief,
            [shuffled(brief.examples, rng)[:_EXAMPLES] for _ in rows],
            [brief.openings[row % len(brief.openings)] for row in rows],
            noise_seed(rng),
        ):
            written += 1
            text = tidied(sentence)
            reason = sieve.stopped_by(text)
            if reason is not None:
                removed[reason] += 1
            elif len(passed) < count:
                passed.append(text)
        if progress is not None:
            progress(len(passed), count, written)
    return Expansion(tuple(passed), written, dict(removed.most_common()))


def tidied(sentence: str) -> str:
    """A sentence without what lists and quotations put around it; spaces are single."""
    return " ".join(part for part in sentence.strip(_AROUND).split(" ") if part).rstrip(" .,;:")
