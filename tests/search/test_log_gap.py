"""What the Gaussian process is shown in place of the values, and what it believes beforehand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from numpy.typing import NDArray
from optuna._gp.gp import GPRegressor
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import GPSampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

from pipeline.config.experiment import Objective
from pipeline.search.log_gap import NEAREST, LogGapSampler, log_gaps, log_prior
from pipeline.search.pareto import front_mask
from pipeline.search.spread import spread

UP, DOWN = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
RANGES: dict[str, BaseDistribution] = {n: FloatDistribution(0.0, 1.0) for n in ("a", "b")}
VALUES: NDArray[np.float64] = np.random.default_rng(0).random((40, 2))


def proposed(
    values: NDArray[np.float64],
    directions: list[Objective],
    more: list[dict[str, Any]] | None = None,
) -> dict[str, float]:
    """What is proposed after complete trials with these values, and `more` others."""
    study = optuna.create_study(
        directions=directions, sampler=LogGapSampler(seed=1, n_startup_trials=10)
    )
    places = np.random.default_rng(1).random((len(values), 2))
    for (a, b), row in zip(places, values, strict=True):
        study.add_trial(
            optuna.trial.create_trial(
                params={"a": a, "b": b}, distributions=RANGES, values=row.tolist()
            )
        )
    for each in more or []:
        study.add_trial(optuna.trial.create_trial(distributions=RANGES, **each))
    return dict(study.ask(RANGES).params)


def test_the_best_and_the_worst_are_a_whole_gap_apart() -> None:
    values = np.array([[0.2, 5.0], [0.7, 1.0], [0.45, 3.0]])
    gaps = log_gaps(values, [UP, DOWN])
    logs = [-np.log(NEAREST + gap) for gap in (1.0, 0.0, 0.5)]
    np.testing.assert_allclose(gaps[:, 0], logs)
    np.testing.assert_allclose(gaps[:, 1], np.negative(logs))


@pytest.mark.parametrize("directions", [(UP, UP), (UP, DOWN), (DOWN, DOWN)])
def test_the_front_is_the_same(directions: tuple[StudyDirection, ...]) -> None:
    names: list[Objective] = ["maximize" if d == UP else "minimize" for d in directions]
    gaps = log_gaps(VALUES, list(directions))
    assert np.array_equal(front_mask(gaps, names), front_mask(VALUES, names))
    assert np.array_equal(np.argsort(gaps, axis=0), np.argsort(VALUES, axis=0))


def test_an_objective_in_which_all_are_alike_tells_nothing() -> None:
    values = np.array([[0.3, 0.1], [0.3, 0.9]])
    gaps = log_gaps(values, [UP, UP])
    assert gaps[0, 0] == gaps[1, 0]
    assert np.isfinite(gaps).all()


def test_proposals_depend_on_no_unit_and_no_direction() -> None:
    values = np.round(VALUES[:12], 3)
    expected = proposed(values, ["maximize", "maximize"])
    # Powers of two, so that nothing is rounded.
    assert proposed(values * [4.0, 0.5], ["maximize", "maximize"]) == expected
    assert proposed(values * [1.0, -1.0], ["maximize", "minimize"]) == expected


def test_trials_that_failed_or_were_stopped_are_not_learned_from() -> None:
    values = VALUES[:12]
    plain = proposed(values, ["maximize", "maximize"])
    there = {"a": 0.5, "b": 0.5}
    ended = [{"state": state, "params": there} for state in (TrialState.FAIL, TrialState.PRUNED)]
    assert proposed(values, ["maximize", "maximize"], ended) == plain


def test_a_trial_that_is_running_is_not_proposed_again() -> None:
    values = VALUES[:12]
    plain = proposed(values, ["maximize", "maximize"])
    running = [{"state": TrialState.RUNNING, "params": plain}]
    other = proposed(values, ["maximize", "maximize"], running)
    assert max(abs(other[name] - plain[name]) for name in plain) > 0.05


def test_too_few_complete_trials_say_nothing() -> None:
    study = optuna.create_study(directions=["maximize"] * 2)
    study.ask(RANGES)
    sampler = LogGapSampler(seed=1, n_startup_trials=1)
    assert sampler.sample_relative(study, study.trials[0], RANGES) == {}


@pytest.mark.parametrize("count", [1, 4, 16])
def test_the_likeliest_lengths_grow_with_the_number_of_parameters(count: int) -> None:
    likeliest = math.exp(math.sqrt(2)) * math.sqrt(count)
    around = {factor: log_prior()(process(count, factor * likeliest)) for factor in (0.9, 1.0, 1.1)}
    assert max(around, key=around.__getitem__) == 1.0


def test_parameters_that_mean_nothing_are_not_believed_to_matter() -> None:
    """Six of seven; by Optuna's own prior all lengths stay near one range."""
    ranges: dict[str, BaseDistribution] = {n: FloatDistribution(0.0, 1.0) for n in "abcdefg"}
    lengths = {}
    for kind in (GPSampler, LogGapSampler):
        sampler = kind(seed=0, n_startup_trials=1)
        study = optuna.create_study(directions=["maximize", "maximize"], sampler=sampler)
        for place in range(16):
            params = spread(ranges, 0, place)
            values = [params["a"], 1 - params["a"] ** 2]
            study.add_trial(
                optuna.trial.create_trial(params=params, distributions=ranges, values=values)
            )
        study.ask(ranges)
        assert sampler._gprs_cache_list is not None
        lengths[kind] = sampler._gprs_cache_list[0].length_scales
    middle = {kind: np.median(found[1:]) for kind, found in lengths.items()}
    assert middle[LogGapSampler] > 2 * middle[GPSampler]
    assert middle[LogGapSampler] > 4 * lengths[LogGapSampler][0]


def process(count: int, length: float) -> GPRegressor:
    """One with so many parameters, all of one length."""
    return GPRegressor(
        is_categorical=torch.zeros(count, dtype=torch.bool),
        X_train=torch.zeros((1, count), dtype=torch.float64),
        y_train=torch.zeros(1, dtype=torch.float64),
        inverse_squared_lengthscales=torch.full((count,), length**-2, dtype=torch.float64),
        kernel_scale=torch.tensor(1.0, dtype=torch.float64),
        noise_var=torch.tensor(0.01, dtype=torch.float64),
    )
