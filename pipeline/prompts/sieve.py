"""Which of many written sentences can teach, and why the others cannot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, TypeAlias

from pipeline.prompts.concept import Concept
from pipeline.prompts.own_pools import anchored, named
from pipeline.prompts.own_prompt import MAX_CHARACTERS
from pipeline.prompts.resemblance import Known, words_of

Pool: TypeAlias = Literal["forget", "retain"]
Reason: TypeAlias = Literal[
    "empty",
    "not printable",
    "without the concept",
    "names what is forgotten",
    "its anchor names what is forgotten",
    "too long",
    "held out for judging",
    "a duplicate",
    "nearly a duplicate",
]

_UNDECODABLE: Final = "\ufffd"
_SHORTEST_STEM: Final = 3  # letters
_LONG_STEM: Final = 6
_WORD_BEGINS: Final = r"(?<![^\W_])"


class Sieve:
    """Lets a sentence pass once; see `Reason` for what stops it.

    Args:
        concept: what is erased.
        pool: whether sentences are to name it or not.
        held_out: sentences that judge; those nearly like them are stopped too.
        known: sentences that there are already.
        too_long: whether the model's text encoders would cut a sentence off.
        without: further words that no retain prompt may hold, as what only hints at the concept.
    """

    def __init__(
        self,
        concept: Concept,
        pool: Pool,
        *,
        held_out: Iterable[str],
        known: Iterable[str],
        too_long: Callable[[str], bool],
        without: Sequence[str] = (),
    ) -> None:
        self._concept, self._pool, self._too_long = concept, pool, too_long
        self._held_out, self._known = Known(held_out), Known(known)
        gone = [value for values in concept.gone.values() for value in values]
        elsewhere = [value for values in concept.elsewhere.values() for value in values]
        self._gone = naming_pattern(gone)
        self._unwanted = naming_pattern(elsewhere if pool == "forget" else [*gone, *without])

    def stopped_by(self, text: str) -> Reason | None:
        """Why a sentence cannot be used; None, and it is known from now on, if it can."""
        reason = self._form(text) or self._naming(text)
        if reason is None and self._too_long(text):
            reason = "too long"
        if reason is None and self._held_out.like(text) is not None:
            reason = "held out for judging"
        if reason is None:
            match self._known.like(text):
                case "same":
                    reason = "a duplicate"
                case "near":
                    reason = "nearly a duplicate"
                case None:
                    self._known.add(text)
        return reason

    def _form(self, text: str) -> Reason | None:
        if not words_of(text):
            return "empty"
        if not text.isprintable() or _UNDECODABLE in text:
            return "not printable"
        return "too long" if len(text) > MAX_CHARACTERS else None

    def _naming(self, text: str) -> Reason | None:
        if self._pool == "forget" and named(self._concept, text) is None:
            return "without the concept"
        if self._unwanted.search(text):
            return "names what is forgotten"
        if self._pool == "forget" and self._gone.search(anchored(self._concept, text)):
            return "its anchor names what is forgotten"
        return None


def naming_pattern(values: Iterable[str]) -> re.Pattern[str]:
    """What names one of the values, however it is inflected, joined or put together.

    Every word that begins with a value's stem counts: `sneakers`, `sneaker-clad`, `Sneakerhead`,
    for `nude` also `nudity`, for `pencil sketch` also `pencil-sketches`; and every word that holds
    a long stem anywhere, which tokenizers find there too. That stops some innocent words as well,
    which costs a sentence of many.
    """
    stems = [_stem(value) for value in values]
    patterns = [
        ("" if len("".join(words)) >= _LONG_STEM else _WORD_BEGINS)
        + r"[\W_]*".join(map(re.escape, words))
        for words in stems
    ]
    return re.compile("|".join(patterns) if patterns else r"(?!)", re.IGNORECASE)


def _stem(value: str) -> list[str]:
    """The words of a value, the last one without the ending that inflection changes."""
    words = words_of(value.replace("_", " ")) or [value]
    last = words[-1]
    is_ending = last[-1] in "ey" or (last[-1] == "s" and not last.endswith("ss"))
    if is_ending and len(last) > _SHORTEST_STEM:
        last = last[:-1]
    return [*words[:-1], last]
