"""A Gaussian process over settings and sweeps, each sweep a task (Swersky, Snoek and Adams 2013).

How far another sweep is from this one is one more length that it fits, so that it takes from the
others as much as this one's trials bear out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from optuna._gp.gp import GPRegressor, fit_kernel_params

from pipeline.search.log_gap import log_prior

Floats = NDArray[np.float64]


class SweepProcess:
    """A process over settings and sweeps, at the first sweep: one over settings.

    Has what Optuna's acquisition functions ask of a `GPRegressor`.

    Args:
        process: over settings and a mark for each of the other sweeps.
        others: how many those are.
    """

    def __init__(self, process: GPRegressor, others: int) -> None:
        self._process = process
        self._others = others
        self._cov_Y_Y_chol = process._cov_Y_Y_chol  # noqa: SLF001 - Optuna's reads it

    @property
    def length_scales(self) -> Floats:
        """Of the settings alone, (D,)."""
        lengths: Floats = self._process.length_scales[: -self._others]
        return lengths

    def kernel(
        self, first: torch.Tensor | None = None, second: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The covariance of values at settings, or with those of all trials seen."""
        marked = [None if x is None else self._marked(x) for x in (first, second)]
        return self._process.kernel(*marked)

    def posterior(
        self,
        x: torch.Tensor,
        joint: bool = False,  # noqa: FBT001, FBT002 - Optuna's signature
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and variance at settings (..., D)."""
        return self._process.posterior(self._marked(x), joint)

    def _marked(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, x.new_zeros(*x.shape[:-1], self._others)], dim=-1)


def fitted(
    places: Sequence[Floats],
    scores: Sequence[Floats],
    is_categorical: NDArray[np.bool_],
    least_noise: float,
) -> list[SweepProcess]:
    """One process an objective, of the trials of all sweeps, at the first of them.

    Args:
        places: of each sweep's trials, (N, D): their settings as Optuna's processes take them;
            this sweep's, and those of one or more others.
        scores: of each sweep's trials, (N, M).
        is_categorical: which settings are choices, (D,).
        least_noise: the least variance of a trial's score that is believed.
    """
    others = len(places) - 1
    marks = np.vstack([np.zeros((1, others)), np.eye(others)])
    marked = [
        np.hstack([each, np.tile(mark, (len(each), 1))])
        for each, mark in zip(places, marks, strict=True)
    ]
    return [
        SweepProcess(
            fit_kernel_params(
                X=np.vstack(marked),
                Y=np.ascontiguousarray(column),
                is_categorical=np.concatenate([is_categorical, np.ones(others, dtype=bool)]),
                log_prior=log_prior(others),
                minimum_noise=least_noise,
                deterministic_objective=False,
            ),
            others,
        )
        for column in np.vstack(scores).T
    ]
