"""One prompt, with what is known of the picture it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SOURCES: Final = ("same_context", "neighbours", "other_axis", "generic")
"""Where retain prompts come from; the names of the retain mix's shares. A vocabulary may lack some
(`Vocabulary.sources`)."""


@dataclass(frozen=True)
class Prompt:
    """A sentence and the seed of its picture.

    Attributes:
        text: the sentence.
        labels: axis -> value, of what the sentence states; empty where that is unknown.
        source: `forget` or `bare` (forget prompts that teach), one of `SOURCES` (retain prompts
            that teach), `own` (from a user's file), `forget_test` or `retain_test`.
        anchor: of forget prompts that teach: the sentence with the anchor in the concept's place.
        seed: of the picture's noise, so that the same text can have several pictures.
        guidance: guidance scale of the picture where it judges; None for that of all others.
    """

    text: str
    labels: Mapping[str, str] = field(default_factory=dict)
    source: str = "own"
    anchor: str | None = None
    seed: int = 0
    guidance: float | None = None
