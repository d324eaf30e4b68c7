"""Sentences with slots: `{a} {colour} {object} on grass` is `an orange bag on grass` of those two.

`{axis}` is what is said of an axis, which may be nothing: `{object}{background}` of a bag alone is
`bag`. `{a}` (at a sentence's beginning `{A}`) is the article of what follows, or nothing where one
of the slots right behind it says a plural. `[ in {style} style]` is left out where one of its slots
says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from pipeline.prompts.words import article

ARTICLES: Final = ("a", "A")
"""Slots that no axis fills."""

_SLOT = re.compile(r"\{(\w+)\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_ARTICLE = re.compile(r"\{([aA])\}((?:\s*\{(?![aA]\})\w+\})*)")
_PUNCTUATION: Final = ",.;:!?"
_BEFORE_PUNCTUATION = re.compile(rf" +(?=[{_PUNCTUATION}])")
# No phrase holds characters that cannot be printed, so these stand for articles until their
# neighbours are known.
_MARKS: Final = {"a": "\x01", "A": "\x02"}
_MARK = re.compile(r"([\x01\x02]) ?(?=(.*))")


def worded(template: str, phrases: Mapping[str, str], plurals: Collection[str] = ()) -> str:
    """The sentence of a template.

    Args:
        template: as above.
        phrases: slot -> what it says; absent or empty: nothing.
        plurals: slots that say a plural.
    """

    def optional(found: re.Match[str]) -> str:
        return found[1] if all(phrases.get(slot) for slot in slots(found[1])) else ""

    def marked(found: re.Match[str]) -> str:
        takes_none = any(slot in plurals for slot in slots(found[2]))
        return ("" if takes_none else _MARKS[found[1]]) + found[2]

    text = _ARTICLE.sub(marked, _OPTIONAL.sub(optional, template))
    text = _SLOT.sub(lambda found: phrases.get(found[1], ""), text)
    text = _BEFORE_PUNCTUATION.sub("", " ".join(text.split()))
    return _MARK.sub(_article, text).strip()


def slots(template: str) -> list[str]:
    """The slots of a template that axes fill, in order."""
    return [slot for slot in _SLOT.findall(template) if slot not in ARTICLES]


def stray_signs(template: str) -> str:
    """Brackets and braces that belong to no slot and to no part that may be left out."""
    rest = _SLOT.sub("", _OPTIONAL.sub(r"\1", template))
    return "".join(sign for sign in rest if sign in "[]{}")


def _article(found: re.Match[str]) -> str:
    following = found[2]
    if not following or following[0] in _PUNCTUATION:
        return ""
    word = article(following)
    return f"{word.capitalize() if found[1] == _MARKS['A'] else word} "
