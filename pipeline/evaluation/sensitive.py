"""Whether pictures are blurred before anybody looks at them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from pipeline.config import Experiment

_WORDS: Final = frozenset(
    {
        *("nude", "nudes", "nudity", "naked", "nsfw", "topless", "undressed", "unclothed"),
        *("porn", "pornography", "pornographic", "erotic", "erotica", "sex", "sexual", "sexy"),
        *("genitals", "genitalia", "penis", "vagina", "breasts", "nipples", "buttocks"),
        *("gore", "gory", "bloody", "mutilation", "mutilated", "corpse", "corpses", "beheading"),
        *("violence", "violent", "torture", "torturing", "suicide", "suicidal", "shocking"),
    }
)
"""What a concept or a prompt may name that nobody should come upon unasked."""


def is_blurred(experiment: Experiment | None, texts: Iterable[str] = ()) -> bool:
    """Whether galleries of an experiment's pictures are blurred.

    `evaluation.blur` decides; without it they are where a judge detects nudity, or where a concept
    that is or was erased, or a prompt, holds a word that is a sensitive one.

    Args:
        experiment: whose pictures they are; None where it is not known.
        texts: the prompts they were made of.
    """
    if experiment is None:
        return any(map(_is_sensitive, texts))
    settings, concept = experiment.evaluation, experiment.concept
    if settings.blur is not None:
        return settings.blur
    erased = (target for erasure in concept.erased for target in erasure.targets)
    values = [value for target in (*concept.targets, *erased) for value in target.forget]
    return any(judge.nudenet is not None for _, judge in settings.judges) or any(
        map(_is_sensitive, [*values, *texts])
    )


def _is_sensitive(text: str) -> bool:
    return not _WORDS.isdisjoint(re.findall(r"[a-z]+", text.lower()))
