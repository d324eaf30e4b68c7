"""The volume that a trial is expected to add, beside that which it does add."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from optuna._gp.search_space import SearchSpace
from optuna.distributions import FloatDistribution

from pipeline.config.experiment import Objective
from pipeline.search.gain import HypervolumeGain, _free_boxes
from pipeline.search.pareto import hypervolume
from pipeline.search.sweep_process import fitted

Floats = NDArray[np.float64]
SPACE = SearchSpace({name: FloatDistribution(0.0, 1.0) for name in ("a", "b")})


def added(scores: Floats, more: Floats) -> float:
    """By the project's own hypervolume, from 0."""
    corner = np.zeros(scores.shape[1])
    up: list[Objective] = ["maximize"] * len(corner)
    whole = hypervolume(np.vstack([scores, more]), corner, up)
    return whole - hypervolume(scores, corner, up)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_what_a_point_adds_is_what_it_covers_of_the_free_boxes(objectives: int) -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(-0.3, 1, (7, objectives))  # some below the corner
    low, high = _free_boxes(scores, np.zeros(objectives))
    for point in rng.uniform(-0.2, 1.2, (50, objectives)):
        covered = np.clip(np.minimum(point, high) - low, 0, None).prod(axis=1).sum()
        assert covered == pytest.approx(added(scores, point), abs=1e-12)


def test_where_nothing_is_covered_yet_all_is_free() -> None:
    low, high = _free_boxes(np.array([[-1.0, 0.5]]), np.zeros(2))
    assert (low.tolist(), high.tolist()) == ([[0.0, 0.0]], [[math.inf, math.inf]])


def gain_of(scores: Floats, running: Floats) -> HypervolumeGain:
    """Of ten trials and another sweep's twelve; told are the scores' doubles."""
    rng = np.random.default_rng(1)
    places = [rng.random((count, 2)) for count in (10, 12)]
    told = [2 * scores, rng.standard_normal((12, scores.shape[1]))]
    return HypervolumeGain(
        fitted(places, told, np.zeros(2, dtype=bool), 1e-6),
        SPACE,
        scores=scores,
        corner=np.zeros(scores.shape[1]),
        back=lambda each: each / 2,
        running=running,
        seed=3,
    )


@pytest.mark.parametrize("running", [0, 1, 3])
@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_it_is_the_mean_over_samples_of_what_they_add(objectives: int, running: int) -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((10, objectives))
    gain = gain_of(scores, rng.random((running, 2)))
    x = torch.from_numpy(rng.random((5, 2)))
    possible = gain._samples.sample_candidate_posterior(x) / 2  # (5, S, M)
    beside = gain._samples.get_fantasy_samples() / 2  # (S, R, M)
    for place, expected in zip(possible.numpy(), gain.eval_acqf(x).exp().tolist(), strict=True):
        each = [
            added(np.vstack([scores, also]), point)
            for also, point in zip(beside.numpy(), place, strict=True)
        ]
        assert np.mean(each) == pytest.approx(expected, rel=1e-6, abs=1e-11)


def test_it_can_be_climbed() -> None:
    rng = np.random.default_rng(0)
    gain = gain_of(0.3 * rng.random((10, 2)), rng.random((1, 2)))
    x = np.array([0.4, 0.7])
    value, slope = gain.eval_acqf_with_grad(x)
    for place in range(2):
        step = np.zeros(2)
        step[place] = 1e-6
        beside = [gain.eval_acqf_no_grad((x + sign * step)[None]).item() for sign in (1, -1)]
        assert slope[place] == pytest.approx((beside[0] - beside[1]) / 2e-6, rel=1e-3, abs=1e-4)
    assert value > math.log(1e-6)  # where the gain is none, its slope is only the floor's
