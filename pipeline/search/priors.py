"""Trials of an earlier sweep that a study learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PriorTrial:
    """A trial of an earlier sweep, as this one's sampler would see it.

    Attributes:
        number: in its own sweep.
        params: Optuna's, by this sweep's distributions.
        values: the objectives, in this sweep's order.
    """

    number: int
    params: dict[str, Any]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Priors:
    """What there is to learn from one earlier sweep.

    Attributes:
        sweep: as the file names it.
        trials: those that fit this sweep's space.
        skipped: why others do not, with how many each.
    """

    sweep: str
    trials: tuple[PriorTrial, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)

    def in_words(self) -> str:
        """One line for people."""
        reasons = "".join(f"; {count} left out: {why}" for why, count in self.skipped.items())
        return f"warm start: {len(self.trials)} trials of {self.sweep}{reasons}"
