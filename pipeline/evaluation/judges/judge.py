"""What a judge is: it looks at pictures and says what they show.

Legend: N pictures, K classes of one axis, F width of a judge's features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from torch import Tensor

from pipeline.evaluation.report import JudgeIdentity

BATCH: Final = 64
"""Pictures that a judge looks at together."""

Captions = Mapping[str, Mapping[str, str]]
"""Axis -> value -> a sentence that a picture of the value would go with."""


@dataclass(frozen=True)
class Sight:
    """What a judge makes of N pictures.

    Attributes:
        probabilities: (N, K) by axis, float64, each row summing to one.
        seen: (N,) class numbers by axis, of the axes where a rule of the judge's own, and not the
            largest probability, says which class a picture shows.
        features: (N, F), what the pictures were named by, so that sets of pictures can be compared
            in it; None for a judge that has nothing of the kind.
    """

    probabilities: dict[str, Tensor]
    seen: dict[str, Tensor] = field(default_factory=dict)
    features: Tensor | None = None


class Judge(Protocol):
    """Looks at pictures."""

    @property
    def axes(self) -> dict[str, list[str]]:
        """Names of the classes of each axis that it judges."""

    @property
    def identity(self) -> JudgeIdentity:
        """Who it is, with all that decides its verdicts."""

    def look(self, pictures: Tensor) -> Sight:
        """What pictures (N, 3, H, W) in [-1, 1] show."""
