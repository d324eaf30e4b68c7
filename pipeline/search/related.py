"""The Gaussian process after earlier sweeps: it knows their trials too, and whose they are.

What erases one concept well often erases another, if not as well. Each sweep's scores are taken by
their gap to its own best; a process learns from this sweep's trials how much the others' say of it.
What that is worth: docs/measurements.md, "Samplers and early stopping".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from pipeline.config.experiment import Objective
from pipeline.search.log_gap import NEAREST, LogGapSampler, Scale, own_trials, signs
from pipeline.search.pareto import front_mask, reference_point
from pipeline.search.priors import PriorTrial

if TYPE_CHECKING:  # who reads a sweep imports this, and needs no torch
    import torch
    from optuna._gp.search_space import SearchSpace

Floats = NDArray[np.float64]

_SEEDS: Final = 1 << 30
_LOW: Final = 0.1
"""Of what another sweep's trials span, from their worst up."""
_MOST_BEGUN_FROM: Final = 5
"""Trials of the front from which the best settings are sought, beside places all over the space."""


class RelatedSampler(LogGapSampler):
    """`LogGapSampler`, and with earlier sweeps one whose processes know them (`sweep_process`).

    Args:
        earlier: trials of earlier sweeps with the same settings and objectives, sweep by sweep,
            which `differ` (`priors`).
        settings: Optuna's.
    """

    def __init__(self, earlier: Sequence[Sequence[PriorTrial]] = (), **settings: Any) -> None:
        super().__init__(**settings)
        self._earlier = list(earlier)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the processes propose; nothing before there are enough trials."""
        complete, running = own_trials(study, trial)
        if not self._earlier or not search_space or len(complete) < self._n_startup_trials:
            return super().sample_relative(study, trial, search_space)
        from optuna._gp.search_space import SearchSpace

        from pipeline.search.gain import HypervolumeGain
        from pipeline.search.sweep_process import fitted

        space = SearchSpace(search_space)
        sweeps: list[Sequence[FrozenTrial | PriorTrial]] = [complete, *self._earlier]
        scores = [signs(study.directions) * np.array([t.values for t in each]) for each in sweeps]
        places = [_places(space, each) for each in sweeps]
        common = _CommonScale(scores)
        gain = HypervolumeGain(
            fitted(places, common.told, space.is_categorical, self._minimum_noise),
            space,
            scores=scores[0],
            corner=_corner(scores[0], study.directions),
            back=common.back,
            # One that a killed process left may have no settings yet.
            running=_places(space, [t for t in running if search_space.keys() <= t.params.keys()]),
            seed=self._rng.rng.randint(_SEEDS),
        )
        front = places[0][front_mask(scores[0], ["maximize"] * len(study.directions))]
        begun_from = self._rng.rng.permutation(front)[:_MOST_BEGUN_FROM]
        return space.get_unnormalized_param(self._optimize_acqf(gain, begun_from))


class _CommonScale:
    """Each sweep's scores by its own `Scale`, and all of them with mean 0 and deviation 1.

    Attributes:
        told: sweep by sweep, (N, M).
    """

    def __init__(self, scores: Sequence[Floats]) -> None:
        self._own = _own_scale(scores[0], scores[1:])
        gaps = [self._own.told(scores[0]), *(Scale.of(each).told(each) for each in scores[1:])]
        together = np.vstack(gaps)
        self._middle, deviation = together.mean(axis=0), together.std(axis=0)
        self._deviation = np.where(deviation > 0, deviation, 1.0)
        self.told = [(each - self._middle) / self._deviation for each in gaps]

    def back(self, told: torch.Tensor) -> torch.Tensor:
        """What is told of the first sweep, (..., M), as its scores.

        They go no further beyond its best than a fiftieth (`NEAREST`) of what its scale spans.
        """
        gaps = told * told.new_tensor(self._deviation) + told.new_tensor(self._middle)
        best, spread = told.new_tensor(self._own.best), told.new_tensor(self._own.spread)
        return best - spread * ((-gaps).exp() - NEAREST)


def _own_scale(scores: Floats, others: Sequence[Floats]) -> Scale:
    """The scale of this sweep, whose trials so far, (N, M), may all have failed in an objective.

    Where none is above the lowest tenth of any other sweep's, its best is taken to be theirs: by
    their own scale they would be told as the best that there is, and nothing better expected.
    """
    own = Scale.of(scores)
    worst = scores.min(axis=0)
    low = np.min([each.min(axis=0) + _LOW * np.ptp(each, axis=0) for each in others], axis=0)
    failed = scores.max(axis=0) < low
    best = np.where(failed, np.min([each.max(axis=0) for each in others], axis=0), own.best)
    return Scale(best, np.where(failed, best - worst, own.spread))


def _corner(scores: Floats, directions: Sequence[StudyDirection]) -> Floats:
    """Where volume begins: at the sweep's reference, or at the worst score if it lies below."""
    words: list[Objective] = [
        "minimize" if d == StudyDirection.MINIMIZE else "maximize" for d in directions
    ]
    corner: Floats = np.minimum(signs(directions) * reference_point(words), scores.min(axis=0))
    return corner


def _places(space: SearchSpace, trials: Sequence[FrozenTrial | PriorTrial]) -> Floats:
    """Trials' settings as Optuna's processes take them, (N, D)."""
    counted: list[Any] = list(trials)  # it only counts them, where their settings are given too
    places: Floats = space.get_normalized_params(counted, [trial.params for trial in trials])
    return places
