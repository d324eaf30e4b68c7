"""Recorded configurations as a function of a search space, and how far it can be trusted.

A Gaussian process for each recorded number (a Matérn 3/2 kernel with a length a parameter, and
noise; Rasmussen and Williams 2006) gives its mean at any configuration. It sees the numbers as
distances to their upper ends, on a scale that goes on for ever, since what parts good
configurations lies within a hundredth of them. Fronts are where that matters: extremely randomised
trees, which stood here before, took up to 0.026 from what erases well.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from scipy.special import expit, logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.model_selection import KFold

Floats = NDArray[np.float64]

_FOLDS: Final = 10
GOOD: Final = 0.8
"""Erasure above which a configuration may be on a front worth having."""
_NEAREST: Final = 1e-3
"""How near to 0 and 1 a share's logit is taken."""
_MOST: Final = 1.02
"""Above any recorded alignment, as a share of the base's."""


@dataclass(frozen=True)
class RecordedTrial:
    """What becomes of a configuration.

    Attributes:
        rungs: step -> objectives there.
        values: objectives at the end.
        seconds: of a processor: `training` of all steps, `rung` for one judgement at a rung,
            `judging` at the end.
    """

    rungs: Mapping[int, tuple[float, ...]]
    values: tuple[float, ...]
    seconds: Mapping[str, float]


class Table:
    """The recorded configurations.

    Args:
        rows: as they were recorded; those that diverged have the worst values everywhere.
        distributions: of the space.
        objectives: all of them shares of which more is better.
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        distributions: Mapping[str, BaseDistribution],
        objectives: Sequence[str],
    ) -> None:
        self._distributions = dict(sorted(distributions.items()))
        self._objectives = list(objectives)
        complete = [row for row in rows if row["values"] is not None]
        self.steps = sorted(int(step) for step in complete[0]["rungs"])
        self.inputs = np.array([self._encoded(row["params"]) for row in rows])
        self.outputs = np.array([self._outputs(row) for row in rows])
        parts = ("training", "rungs", "judging")
        median = {
            part: float(np.median([row["seconds"].get(part, 0.0) for row in complete]))
            for part in parts
        }
        self._seconds = {
            "training": median["training"],
            "rung": median["rungs"] / max(1, len(self.steps)),
            "judging": median["judging"],
        }

    def trial(self, params: Mapping[str, Any]) -> RecordedTrial:
        """What becomes of a configuration, interpolated."""
        found = self._interpolation.at(self._encoded(params)[None])[0].reshape(-1, self._width)
        *rungs, values = (tuple(map(float, row)) for row in found)
        return RecordedTrial(dict(zip(self.steps, rungs, strict=True)), values, self._seconds)

    def explained(self) -> dict[str, tuple[float, float]]:
        """Share of each final objective's variance that the others explain (ten-fold R²).

        Of all recorded configurations, and of those that erase more than `GOOD`.
        """
        truth = self.outputs[:, -self._width :]
        found = np.zeros_like(truth)
        for known, asked in KFold(_FOLDS, shuffle=True, random_state=0).split(self.inputs):
            found[asked] = _Interpolation(self.inputs[known], truth[known]).at(self.inputs[asked])
        good = truth[:, self._objectives.index("erasure")] > GOOD
        shares = [_share(found, truth), _share(found[good], truth[good])]
        return {
            name: (float(a), float(b)) for name, a, b in zip(self._objectives, *shares, strict=True)
        }

    @property
    def _width(self) -> int:
        return len(self._objectives)

    @cached_property
    def _interpolation(self) -> _Interpolation:
        return _Interpolation(self.inputs, self.outputs)

    def _encoded(self, params: Mapping[str, Any]) -> Floats:
        """A configuration as numbers in [0, 1], one more for each choice's options."""
        numbers: list[float] = []
        for name, distribution in self._distributions.items():
            value = params[name]
            if isinstance(distribution, CategoricalDistribution):
                numbers += [float(value == option) for option in distribution.choices]
            else:
                low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
                if distribution.log:  # type: ignore[attr-defined]
                    low, high, value = np.log(low), np.log(high), np.log(value)
                numbers.append(float((value - low) / (high - low)))
        return np.array(numbers)

    def _outputs(self, row: Mapping[str, Any]) -> list[float]:
        worst = dict.fromkeys(self._objectives, 0.0)
        told = [row["rungs"].get(str(step), worst) for step in self.steps]
        told.append(row["values"] or worst)
        return [each[name] for each in told for name in self._objectives]


class _Interpolation:
    """Pairs of erasure and alignment, one pair after the other, as functions of configurations."""

    def __init__(self, inputs: Floats, outputs: Floats) -> None:
        erasure = logit(np.clip(outputs[:, ::2], _NEAREST, 1 - _NEAREST))
        alignment = -np.log(_MOST - outputs[:, 1::2])
        self._erasure = [_fitted(inputs, column) for column in erasure.T]
        self._alignment = [_fitted(inputs, column) for column in alignment.T]

    def at(self, inputs: Floats) -> Floats:
        erasure = [expit(model.predict(inputs)) for model in self._erasure]
        alignment = [_MOST - np.exp(-model.predict(inputs)) for model in self._alignment]
        pairs = zip(erasure, alignment, strict=True)
        return np.stack([column for pair in pairs for column in pair], axis=1)


def _fitted(inputs: Floats, values: Floats) -> GaussianProcessRegressor:
    lengths = Matern([1.0] * inputs.shape[1], length_scale_bounds=(0.1, 30), nu=1.5)
    kernel = ConstantKernel() * lengths + WhiteKernel(0.05, (1e-4, 1))
    with warnings.catch_warnings():
        # A parameter that means nothing has a length at its bound.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianProcessRegressor(kernel, normalize_y=True, random_state=0).fit(
            inputs, values
        )


def _share(found: Floats, truth: Floats) -> Floats:
    return 1 - ((found - truth) ** 2).mean(axis=0) / truth.var(axis=0)
