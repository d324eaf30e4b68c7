"""The gate: what a promotion must be shown to reach, how surely, and on which pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.sections import Count, Section, Seed, Text, rule_broken
from pipeline.config.suggestions import did_you_mean

Side = Literal["at_least", "at_most"]
Threshold = Annotated[float, Field(strict=True, allow_inf_nan=False)]


@dataclass(frozen=True)
class Measure:
    """What a threshold on a metric may be.

    Attributes:
        side: where its thresholds belong: `at_least` where higher is better.
        low: least value that the metric can have.
        high: largest value that it can have; infinite where there is none.
        is_mean: whether it is the mean over prompts of what lies between `low` and `high`, so that
            so many prompts show so much and no more.
    """

    side: Side
    low: float
    high: float
    is_mean: bool = False


_SHARE: Final = Measure("at_least", 0.0, 1.0, is_mean=True)
_BAD_SHARE: Final = Measure("at_most", 0.0, 1.0, is_mean=True)

MEASURES: Final[Mapping[str, Measure]] = {
    "erasure": _SHARE,
    "ua": _SHARE,
    "ira": _SHARE,
    "cra": _SHARE,
    "worst_neighbour": _SHARE,
    "alignment": Measure("at_least", 0.0, math.inf),
    "clip": Measure("at_least", -1.0, 1.0),
    "clip_forget": Measure("at_most", -1.0, 1.0),
    "none_share": _BAD_SHARE,
    "none_share_forget": _BAD_SHARE,
    "image_distance": Measure("at_most", 0.0, 2.0),
    "image_distance_forget": Measure("at_least", 0.0, 2.0),
    "kid": Measure("at_most", 0.0, math.inf),
    "earlier_erasure": _SHARE,
    "earlier_ua": _SHARE,
}
"""All metrics of a report: on which side a threshold belongs, and in which range."""


class GateConfig(Section):
    """What a promoted model must be shown to reach, by other eyes, on pictures no search has seen.

    A threshold is not on what was measured but on its confidence bound on the bad side: the lower
    one of what should be high, the upper one of what should be low.
    """

    at_least: dict[Text, Threshold] = Field(default_factory=dict)
    """Metric -> least value of its lower bound: `erasure`, `ua`, `ira`, `cra`, `worst_neighbour`,
    `alignment`, `clip`, `image_distance_forget`, `earlier_erasure`, `earlier_ua`."""
    at_most: dict[Text, Threshold] = Field(default_factory=dict)
    """Metric -> largest value of its upper bound: `none_share`, `none_share_forget`,
    `image_distance`, `kid`, `clip_forget`."""
    confidence: Annotated[float, Field(strict=True, ge=0.5, lt=1, allow_inf_nan=False)] = 0.95
    """Of each bound, one-sided; in [0.5, 1)."""
    repeats: Annotated[Count, Field(le=100)] = 4
    """Pictures of each test prompt; 1 to 100. More prompts (`prompts.test`) say more than more
    pictures of each."""
    seed: Seed | None = None
    """Of the pictures, another than `evaluation.seed`; absent: one far from it."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.at_least and not self.at_most:
            remedy = "for example at_least: {erasure: 0.9}; or leave the gate out"
            raise rule_broken("", "at least one threshold", "none", remedy)
        return self

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        for side, metric, threshold in self.thresholds:
            _check(side, metric, threshold)
        return self

    @property
    def thresholds(self) -> Iterator[tuple[Side, str, float]]:
        """Every one: on which side, of which metric, and how much."""
        for metric, threshold in self.at_least.items():
            yield "at_least", metric, threshold
        for metric, threshold in self.at_most.items():
            yield "at_most", metric, threshold


def _check(side: Side, metric: str, threshold: float) -> None:
    """Refuse a threshold that no model can meet, and one on the wrong side.

    Raises:
        PydanticCustomError: it is one.
    """
    place = f"{side}.{metric}"
    measure = MEASURES.get(metric)
    if measure is None:
        raise rule_broken(place, "a metric of the report", metric, did_you_mean(metric, MEASURES))
    if measure.side != side:
        better = "higher" if measure.side == "at_least" else "lower"
        remedy = f"{better} is better: write it under {measure.side}"
        raise rule_broken(place, f"a metric that belongs under {side}", metric, remedy)
    # Of a finite number of pictures no bound is the end of the range itself.
    if side == "at_least":
        fits = measure.low <= threshold < measure.high
        expected = f"{measure.low:g} or more" + _unless_infinite(", and below {:g}", measure.high)
    else:
        fits = measure.low < threshold <= measure.high
        expected = f"more than {measure.low:g}" + _unless_infinite(", at most {:g}", measure.high)
    if not fits:
        remedy = "it is compared with a confidence bound, which never reaches the end of the range"
        raise rule_broken(place, f"a threshold of {expected}", threshold, remedy)


def _unless_infinite(words: str, end: float) -> str:
    return words.format(end) if math.isfinite(end) else ""
