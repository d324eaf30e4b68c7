"""Optuna's Gaussian process, shown how near the trials come to the best value of each objective.

Good trials differ by hundredths, and trials that fail by halves: a model of the values themselves
explains which fail, and hardly tells the good ones apart. On a logarithmic scale of the gap to the
best each halving of the gap counts alike. The front is the same, for the scale never turns an order
round.

It also begins with another belief: that of ten settings few matter, until trials say otherwise
(Hvarfner, Hellsten and Nardi 2024, arXiv 2402.02229). Optuna's holds that all do, and
after eight trials looks into the corners of the space.
What both are worth: docs/measurements.md, "Samplers and early stopping".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import GPSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pipeline.search.priors import is_prior

if TYPE_CHECKING:  # who reads a sweep imports this, and needs no torch
    import torch
    from optuna._gp.gp import GPRegressor

NEAREST: Final = 0.02
"""The gap, as a share of what parts the best from the worst, below which little is gained."""

_MIDDLE: Final = math.sqrt(2)
_SPREAD: Final = math.sqrt(3)

Floats = NDArray[np.float64]


class LogGapSampler(GPSampler):
    """`GPSampler` on `log_gaps` of the complete trials' values, with `log_prior`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._log_prior = log_prior()

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the Gaussian process proposes, by a study that only lives for it."""
        complete, running = own_trials(study, trial)
        shown = optuna.create_study(directions=study.directions, sampler=self)
        if complete:
            gaps = log_gaps(np.array([t.values for t in complete]), study.directions)
            for known, values in zip(complete, gaps.tolist(), strict=True):
                shown.add_trial(_copy(known, values))
        for other in running:
            shown.add_trial(_copy(other))
        shown.add_trial(optuna.trial.create_trial(state=TrialState.RUNNING))
        return super().sample_relative(shown, shown.get_trials(deepcopy=False)[-1], search_space)


def own_trials(
    study: optuna.Study, trial: FrozenTrial
) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
    """Those of a study that are complete, and those that run beside `trial`; no earlier sweep's."""
    states = (TrialState.COMPLETE, TrialState.RUNNING)
    seen = [t for t in study.get_trials(deepcopy=False, states=states) if not is_prior(t)]
    complete = [t for t in seen if t.state == TrialState.COMPLETE]
    running = [t for t in seen if t.state == TrialState.RUNNING and t.number != trial.number]
    return complete, running


@dataclass(frozen=True)
class Scale:
    """What gaps are measured by; scores are values of which more is better.

    Attributes:
        best: the highest score of each objective, (M,).
        spread: what parts it from the lowest, (M,).
    """

    best: Floats
    spread: Floats

    @classmethod
    def of(cls, scores: Floats) -> Scale:
        """The scale of trials with these scores, (N, M).

        Where all are alike it is 1 wide, and all are at their best.
        """
        best, worst = scores.max(axis=0), scores.min(axis=0)
        return cls(best, np.where(best > worst, best - worst, 1.0))

    def told(self, scores: Floats) -> Floats:
        """Scores (N, M) as -log(`NEAREST` + gap), the gap being 0 for the best, 1 for the worst."""
        told: Floats = -np.log(NEAREST + (self.best - scores) / self.spread)
        return told


def signs(directions: Sequence[StudyDirection]) -> Floats:
    """What makes values scores, (M,)."""
    return np.array([-1.0 if d == StudyDirection.MINIMIZE else 1.0 for d in directions])


def log_gaps(values: Floats, directions: Sequence[StudyDirection]) -> Floats:
    """Each objective's values (N, M) by their gap to its best: (N, M), in the same directions.

    They do not change when an objective is given another unit or zero.
    """
    scores = values * signs(directions)
    return signs(directions) * Scale.of(scores).told(scores)


def log_prior(sweeps: int = 0) -> Callable[[GPRegressor], torch.Tensor]:
    """The logarithm of how likely a process's parameters are before there are trials.

    Of its lengths the first D are of settings, in parts of their ranges: log-normal with mean
    √2 + log(D)/2 and deviation √3, as in the paper. The others, if there are some, say how far
    `sweeps` are from this one: log-normal with mean 0 and deviation 1, by whose median the same
    settings' values in both correlate by a half. Scale and noise are as Optuna has them.
    """

    def prior(process: GPRegressor) -> torch.Tensor:
        lengths = -process.inverse_squared_lengthscales.log() / 2
        settings = len(lengths) - sweeps
        middle = _MIDDLE + math.log(settings) / 2
        of_settings = -((lengths[:settings] - middle) ** 2).sum() / (2 * _SPREAD**2)
        of_sweeps = -(lengths[settings:] ** 2).sum() / 2
        of_scale = process.kernel_scale.log() - process.kernel_scale
        of_noise = 0.1 * process.noise_var.log() - 30 * process.noise_var
        return of_settings + of_sweeps + of_scale + of_noise

    return prior


def _copy(trial: FrozenTrial, values: list[float] | None = None) -> FrozenTrial:
    return optuna.trial.create_trial(
        state=trial.state, values=values, params=trial.params, distributions=trial.distributions
    )
