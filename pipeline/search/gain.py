"""What settings are worth: the hypervolume that a trial of them is expected to add.

The processes know scores on a scale of their own, and what they expect is taken back from it before
the volume is measured (Astudillo and Frazier 2019, Bayesian Optimization of Composite Functions).
So that is sought by which a sweep is judged: `pareto.hypervolume`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from optuna._gp.acqf import BaseAcquisitionFunc
from optuna._gp.gp import GPRegressor, ListConditionalGPRegressor
from optuna._gp.search_space import SearchSpace
from optuna._hypervolume.box_decomposition import get_non_dominated_box_bounds

from pipeline.search.pareto import front_mask
from pipeline.search.sweep_process import SweepProcess

Floats = NDArray[np.float64]

_SAMPLES: Final = 128
"""Of what the processes hold possible, as many as Optuna takes."""
_NOISE: Final = 1e-12
_LEAST: Final = 1e-12
"""A logarithm is taken of no length below it."""


class HypervolumeGain(BaseAcquisitionFunc):
    """The logarithm of the volume that settings are expected to add.

    Args:
        processes: one an objective.
        space: of the settings.
        scores: of the complete trials, (N, M), more being better.
        corner: from which volume is measured, (M,); nothing below it counts.
        back: from the processes' scale, (..., M), to scores.
        running: places of the trials that run, (R, D); whatever they may bring is there already.
        seed: of the samples.
    """

    def __init__(
        self,
        processes: Sequence[SweepProcess],
        space: SearchSpace,
        *,
        scores: Floats,
        corner: Floats,
        back: Callable[[torch.Tensor], torch.Tensor],
        running: Floats,
        seed: int,
    ) -> None:
        # They have all of a `GPRegressor` that is asked for here.
        as_optunas: list[GPRegressor] = list(processes)  # type: ignore[arg-type]
        self._back = back
        self._samples = ListConditionalGPRegressor(
            as_optunas, torch.from_numpy(running), _SAMPLES, seed, _NOISE
        )
        front = scores[front_mask(scores, ["maximize"] * len(corner))]
        possible = back(self._samples.get_fantasy_samples()).numpy()  # (S, R, M)
        if not len(running):
            possible = possible[:1]  # all samples are alike
        boxes = [_free_boxes(np.vstack([front, beside]), corner) for beside in possible]
        most = max(len(low) for low, _ in boxes)
        # (S, B, M), or (1, B, M); boxes that only fill up are as good as empty.
        self._low = torch.zeros(len(boxes), most, len(corner), dtype=torch.float64)
        self._wide = torch.full_like(self._low, _LEAST)
        for place, (low, high) in enumerate(boxes):
            self._low[place, : len(low)] = torch.from_numpy(low)
            self._wide[place, : len(low)] = torch.from_numpy(np.maximum(high - low, _LEAST))
        super().__init__(np.mean([each.length_scales for each in processes], axis=0), space)

    def eval_acqf(self, x: torch.Tensor) -> torch.Tensor:
        """Of settings (..., D): (...)."""
        scores = self._back(self._samples.sample_candidate_posterior(x))
        within = scores.unsqueeze(-2) - self._low
        # In place: of three objectives it may take a gigabyte.
        within.clamp_(min=within.new_tensor(_LEAST), max=self._wide)
        return within.log().sum(dim=-1).logsumexp(dim=(-2, -1)) - math.log(_SAMPLES)


def _free_boxes(scores: Floats, corner: Floats) -> tuple[Floats, Floats]:
    """The boxes, (B, M) low and high corners, of what `scores` (N, M) leave uncovered."""
    inside = scores[(scores > corner).all(axis=1)]
    if not len(inside):
        return corner[None], np.full((1, len(corner)), np.inf)
    if len(corner) == 1:
        return inside.max(axis=0)[None], np.full((1, 1), np.inf)
    low, high = get_non_dominated_box_bounds(-inside, -corner)
    return -high, -low
