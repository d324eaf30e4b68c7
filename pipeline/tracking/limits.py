"""How long texts may be that MLflow or a person is to keep."""

from __future__ import annotations

from typing import Final

LONGEST_TEXT: Final = 5000
"""Letters of a tag or a version's description, as wide as MLflow's columns are."""

LONGEST_NOTE: Final = 8000
"""Letters of a run's description; MLflow cuts longer ones wherever it is, and warns each time."""

LONGEST_REASON: Final = 500
"""Letters of a reason that stands in a record."""

_CUT: Final = "\n\nCut here: the rest is in the files of this version."


def description(text: str, last: str) -> str:
    """A version's description: the text, cut behind a line where it is too long, and a last one."""
    end = f"\n\n{last}"
    return shortened(text, LONGEST_TEXT - len(end), _CUT) + end


def shortened(text: str, longest: int, told: str) -> str:
    """A text of at most so many letters: cut behind a line where it is too long, and told so."""
    if len(text) <= longest:
        return text
    begun = text[: longest - len(told)]
    return (begun.rpartition("\n")[0] or begun) + told


def check_reason(option: str, reason: str) -> None:
    """Refuse a reason that is too long.

    Raises:
        ValueError: it is; the message names the option.
    """
    if len(reason) > LONGEST_REASON:
        raise ValueError(
            f"{option}: expected at most {LONGEST_REASON} letters, got {len(reason)}; shorten it"
        )
