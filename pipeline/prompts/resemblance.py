"""Sentences that say the same in nearly the same words."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, Literal

NEAR: Final = 0.8
"""Jaccard similarity of two sentences' sets of words from which on one of them is enough."""

_WORD: Final = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words of a sentence, whatever their case; punctuation is left out."""
    return _WORD.findall(text.casefold())


class Known:
    """Sentences that were seen, and whether another one is like any of them.

    Two sets with a Jaccard similarity of t or more share a word among the first
    n - ceil(t n) + 1 of their n words, in any order that is the same for both (prefix filtering,
    Chaudhuri et al. 2006). So few of many sentences need to be compared.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._exact: set[tuple[str, ...]] = set()
        self._sets: list[frozenset[str]] = []
        self._by_word: dict[str, list[int]] = defaultdict(list)
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Remember a sentence."""
        words = words_of(text)
        self._exact.add(tuple(words))
        mine = frozenset(words)
        for word in _first_words(mine):
            self._by_word[word].append(len(self._sets))
        self._sets.append(mine)

    def like(self, text: str) -> Literal["same", "near"] | None:
        """Whether a sentence is known but for case, spacing and punctuation, or nearly so."""
        words = words_of(text)
        if tuple(words) in self._exact:
            return "same"
        mine = frozenset(words)
        rivals = {place for word in _first_words(mine) for place in self._by_word.get(word, ())}
        if any(_jaccard(mine, self._sets[place]) >= NEAR for place in rivals):
            return "near"
        return None


def _jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared)


def _first_words(words: frozenset[str]) -> list[str]:
    # Long words are rare, so that few sentences share one.
    ordered = sorted(words, key=lambda word: (-len(word), word))
    return ordered[: len(words) - math.ceil(NEAR * len(words)) + 1]
