"""Small matters of English: articles, and sentences as they are read."""

from __future__ import annotations

_SOUNDS_LIKE_A_CONSONANT = ("uni", "use", "one", "eu", "ufo")
_SOUNDS_LIKE_A_VOWEL = ("hour", "honest", "heir", "x-ray")


def as_read(text: str) -> str:
    """The sentence as a tokenizer sees it: case and spacing make no difference."""
    return " ".join(text.casefold().split())


def article(phrase: str) -> str:
    """`a` or `an`, as the phrase's first sound asks for."""
    first = phrase.lower().lstrip("\"'(")
    if first.startswith(_SOUNDS_LIKE_A_VOWEL):
        return "an"
    if first.startswith(_SOUNDS_LIKE_A_CONSONANT):
        return "a"
    return "an" if first[:1] in "aeiou" else "a"


def with_article(phrase: str) -> str:
    """The phrase behind its indefinite article: `an ankle boot`, `a red ankle boot`."""
    return f"{article(phrase)} {phrase}"
