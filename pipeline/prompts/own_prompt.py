"""One prompt of the user's own, and what its parts may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.config.problems import quote

MAX_CHARACTERS: Final = 2_000
"""Longest prompt; text encoders read less than a quarter of that."""

OWN_SEEDS: Final = 2**32
"""Seeds in files lie below this; those of I2P come from all over that range."""

MAX_GUIDANCE: Final = 1_000
"""Guidance scales in files are at most this."""


@dataclass(frozen=True, slots=True)
class OwnPrompt:
    """One line of a file.

    Attributes:
        text: the sentence.
        line: its number in the file, from 1; the first one of a row of several lines.
        anchor: of a forget prompt: what it is to be turned into.
        seed: of the picture's noise; absent, one is chosen.
        labels: axis -> value, of what the sentence states.
        guidance: guidance scale of its picture where it judges; absent, that of all others.
    """

    text: str
    line: int
    anchor: str | None = None
    seed: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    guidance: float | None = None


class BadLineError(Exception):
    """A line that cannot be: what was expected there, what came, and how to mend it."""

    def __init__(self, expected: str, got: str, remedy: str = "") -> None:
        super().__init__(expected)
        self.expected, self.got, self.remedy = expected, got, remedy


def sentence(expected: str, value: Any) -> str:
    """A sentence on one line.

    Raises:
        BadLineError: it is none, is empty or too long, or holds what cannot be printed.
    """
    if not isinstance(value, str) or not value.strip():
        raise BadLineError(expected, quote(value))
    if len(value) > MAX_CHARACTERS:
        raise BadLineError(f"at most {MAX_CHARACTERS} characters", f"{len(value)}")
    if not value.isprintable():
        raise BadLineError(
            f"{expected} that can be printed", ascii(value)[:70], "remove tabs and the like"
        )
    return value.strip()


def seed(value: Any, key: str = "seed") -> int | None:
    """A picture's seed, or None for none.

    Raises:
        BadLineError: it is no whole number, or out of range.
    """
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < OWN_SEEDS:
        raise BadLineError(f'a whole number from 0 to 2^32 - 1 as "{key}"', quote(value))
    return value


def guidance(value: Any, key: str = "guidance") -> float | None:
    """A picture's guidance scale, or None for none.

    Raises:
        BadLineError: it is no finite number of 0 or more.
    """
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= MAX_GUIDANCE:
        raise BadLineError(f'a number from 0 to {MAX_GUIDANCE} as "{key}"', quote(value))
    return float(value)


def labels(value: Any) -> dict[str, str]:
    """Values by axis.

    Raises:
        BadLineError: it is no mapping of texts.
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        example = 'for example {"object": "sneaker"}'
        raise BadLineError('a mapping of axes to values as "labels"', quote(value), example)
    return value
