"""Recorded configurations as a function of a search space, and how far it can be trusted.

Between the recorded configurations values are interpolated by extremely randomised trees (Geurts,
Ernst and Wehenkel 2006), a forest a recorded number; a tree splits until its leaves are single
configurations, so that at a recorded one it gives what was measured there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import cross_val_predict

Floats = NDArray[np.float64]

_TREES: Final = 100
_FOLDS: Final = 10


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
        found = self._forest.predict(self._encoded(params)[None])[0].reshape(-1, self._width)
        *rungs, values = (tuple(map(float, row)) for row in found)
        return RecordedTrial(dict(zip(self.steps, rungs, strict=True)), values, self._seconds)

    def explained(self) -> dict[str, float]:
        """Share of each final objective's variance that the others explain (ten-fold R²)."""
        left_out = cross_val_predict(_forest(), self.inputs, self.outputs, cv=_FOLDS)
        errors = ((left_out - self.outputs) ** 2).mean(axis=0)
        shares = 1 - errors / self.outputs.var(axis=0)
        return dict(zip(self._objectives, map(float, shares[-self._width :]), strict=True))

    @property
    def _width(self) -> int:
        return len(self._objectives)

    @cached_property
    def _forest(self) -> ExtraTreesRegressor:
        return _forest().fit(self.inputs, self.outputs)

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


def _forest() -> ExtraTreesRegressor:
    return ExtraTreesRegressor(_TREES, max_features=None, random_state=0)
