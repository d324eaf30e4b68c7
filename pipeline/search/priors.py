"""Trials of an earlier sweep: what a study learns from, or begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from optuna.trial import FrozenTrial

from pipeline.config.experiment import Objective
from pipeline.search.pareto import front_mask, hypervolume, reference_point

_LEAST_SHARE: Final = 0.5
"""What a trial must cover by itself, of what the best one does, to be tried for another concept."""


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

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> PriorTrial:
        """One that a study has kept."""
        return cls(tree["number"], tree["params"], tuple(tree["values"]))


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

    def best(self, most: int, directions: Sequence[Objective]) -> tuple[PriorTrial, ...]:
        """Trials of the front that together cover most, each adding the most to those before it.

        Those that cover little by themselves, such as the front's end that erases nothing, are
        left out: that they do is as true of another concept, and known before they are tried.
        """
        corner = reference_point(directions)
        front = self._front(directions)
        alone = [hypervolume([trial.values], corner, directions) for trial in front]
        least = max(alone, default=0.0) * _LEAST_SHARE
        left = [t for t, volume in zip(front, alone, strict=True) if volume >= least]
        covered = 0.0
        chosen: list[PriorTrial] = []
        while left and len(chosen) < most:
            rows = [[*(t.values for t in chosen), trial.values] for trial in left]
            volumes = [hypervolume(row, corner, directions) for row in rows]
            if max(volumes) <= covered:
                break
            covered = max(volumes)
            chosen.append(left.pop(volumes.index(covered)))
        return tuple(chosen)

    def told(self, most: int, directions: Sequence[Objective]) -> tuple[PriorTrial, ...]:
        """So many trials at most, in their order: the front and others from all over the sweep."""
        front = self._front(directions)[:most]
        others = [trial for trial in self.trials if trial not in front]
        count = min(most - len(front), len(others))
        chosen = [*front, *(others[place * len(others) // count] for place in range(count))]
        return tuple(sorted(chosen, key=lambda trial: trial.number))

    def _front(self, directions: Sequence[Objective]) -> list[PriorTrial]:
        mask = front_mask([trial.values for trial in self.trials], directions)
        return [t for t, on_front in zip(self.trials, mask, strict=True) if on_front]

    def in_words(self) -> str:
        """One line for people."""
        left_out = f"; {self.left_out()}" if self.skipped else ""
        return f"warm start: {len(self.trials)} trials of {self.sweep} fit{left_out}"

    def left_out(self) -> str:
        """Why trials are left out, and how many each."""
        return "; ".join(f"{count} left out: {why}" for why, count in self.skipped.items())


def differ(trials: Sequence[PriorTrial]) -> bool:
    """Whether a sweep's trials differ in each objective; others say nothing of what is better."""
    each = zip(*(trial.values for trial in trials), strict=True)
    return bool(trials) and all(len(set(values)) > 1 for values in each)


def is_prior(trial: FrozenTrial) -> bool:
    """Whether a study's trial is an earlier sweep's: never on the front, and in no count."""
    return "prior" in trial.user_attrs
