"""What the Gaussian process makes of earlier sweeps, and what must make no difference to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import optuna
import pytest
import torch
from numpy.typing import NDArray
from optuna._gp.gp import GPRegressor
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState

from pipeline.config.experiment import Objective
from pipeline.search.log_gap import log_prior
from pipeline.search.priors import PriorTrial
from pipeline.search.related import RelatedSampler, _CommonScale, _corner, _own_scale
from pipeline.search.spread import spread
from pipeline.search.sweep_process import fitted

Floats = NDArray[np.float64]
RANGES: dict[str, BaseDistribution] = {n: FloatDistribution(0.0, 1.0) for n in "abcdef"}
UP: list[Objective] = ["maximize", "maximize"]
Values = Callable[[dict[str, float]], list[float]]


def near(best: float) -> Values:
    """Both objectives are high around a = b = best alone; one likes b higher, one lower."""

    def values(params: dict[str, float]) -> list[float]:
        away = (params["a"] - best) ** 2 + (params["b"] - best) ** 2
        return [float(np.exp(-8 * away - 0.1 * sign * params["b"])) for sign in (1, -1)]

    return values


def sweep(values: Values, count: int = 40) -> list[PriorTrial]:
    points = [spread(RANGES, 9, place) for place in range(count)]
    return [PriorTrial(place, p, tuple(values(p))) for place, p in enumerate(points)]


def proposed(
    earlier: Sequence[Sequence[PriorTrial]],
    values: Values | None = None,
    directions: Sequence[Objective] = UP,
    known: int = 5,
    marked: Sequence[PriorTrial] = (),
    running: Sequence[dict[str, float]] = (),
) -> dict[str, float]:
    """What is proposed after so many trials of this sweep; `marked` are prior ones in its study.

    By default this sweep's best lies at 0.8.
    """
    values = values or near(0.8)
    sampler = RelatedSampler(earlier, seed=1, n_startup_trials=4)
    study = optuna.create_study(directions=list(directions), sampler=sampler)
    trials = [(spread(RANGES, 2, p), values(spread(RANGES, 2, p)), False) for p in range(known)]
    trials += [(trial.params, list(trial.values), True) for trial in marked]
    for params, found, prior in trials:
        study.add_trial(
            optuna.trial.create_trial(
                params=params,
                distributions=RANGES,
                values=found,
                user_attrs={"prior": {}} if prior else {},
            )
        )
    for params in running:
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.RUNNING,
                params=params,
                distributions=RANGES if params else {},
            )
        )
    return dict(study.ask(RANGES).params)


def off(params: dict[str, float], best: float = 0.8) -> float:
    return max(abs(params["a"] - best), abs(params["b"] - best))


def test_what_was_best_for_another_concept_is_looked_at_soon() -> None:
    """Of six settings two matter; the other concept's best lies beside this one's."""
    assert off(proposed([sweep(near(0.75))])) < 0.08
    assert off(proposed([])) > 0.15


def test_a_sweep_that_has_nothing_in_common_is_no_sure_guide() -> None:
    """Where it was good this one's trials are bad, and the process takes notice."""
    for place in range(2):
        places = [
            np.array([list(spread(RANGES, seed, p).values()) for p in range(count)])
            for seed, count in ((2, 20), (9, 40))
        ]
        apart = []
        for other in (near(0.8), near(0.1)):
            scores = [
                np.log([values(dict(zip(RANGES, each, strict=True))) for each in here])
                for values, here in zip((near(0.8), other), places, strict=True)
            ]
            processes = fitted(places, scores, np.zeros(6, dtype=bool), 1e-6)
            apart.append(1 / processes[place]._process.length_scales[-1])
        assert apart[1] > 2 * apart[0]


@pytest.mark.parametrize("reached", [0.0, 0.01])
@pytest.mark.parametrize("best", [0.3, 0.5])
def test_where_all_trials_so_far_have_failed_the_others_say_where_to_look(
    best: float, reached: float
) -> None:
    """By their own scale they would be at their best, with nothing better to expect."""

    def of_height(height: float) -> Values:
        def values(params: dict[str, float]) -> list[float]:
            away = (params["a"] - best) ** 2 + (params["b"] - best) ** 2
            return [height * float(np.exp(-20 * away)), 1 - 0.1 * params["b"]]

        return values

    assert off(proposed([sweep(of_height(1.0))], of_height(reached), known=4), best) < 0.1


@pytest.mark.parametrize(
    ("own", "best", "spread"),
    [
        ([0.4, 0.9], 0.9, 0.5),  # as ever
        ([0.0, 0.01], 0.7, 0.7),  # failed: the less of the others' two bests
        ([0.0, 0.0], 0.7, 0.7),
        ([0.1, 0.1], 0.1, 1.0),  # alike, though not so low
        ([0.98, 1.0], 1.0, 0.02),  # good
        ([1.0, 1.0], 1.0, 1.0),
    ],
)
def test_what_has_failed_is_not_the_best(own: list[float], best: float, spread: float) -> None:
    others = [np.array([[0.0], [0.5], [0.9]]), np.array([[0.1], [0.4], [0.7]])]
    scale = _own_scale(np.array(own)[:, None], others)
    assert (*scale.best, *scale.spread) == pytest.approx((best, spread))


def test_the_process_is_this_sweep_s_and_no_other_s() -> None:
    """At the same places the other one's scores are the opposite."""
    places = np.array([list(spread(RANGES, 2, place).values()) for place in range(20)])
    scores = places[:, :1] - places[:, :1].mean()
    (process,) = fitted([places, places], [scores, -scores], np.zeros(6, dtype=bool), 1e-6)
    mean, _ = process.posterior(torch.from_numpy(places))
    np.testing.assert_allclose(mean.numpy(), scores[:, 0], atol=0.05)


def test_each_other_sweep_is_as_far_as_it_is() -> None:
    places = np.array([list(spread(RANGES, 2, place).values()) for place in range(20)])
    scores = places[:, :1] - places[:, :1].mean()
    told = [scores, scores + 0.01, -scores]
    (process,) = fitted([places] * 3, told, np.zeros(6, dtype=bool), 1e-6)
    near, far = 1 / process._process.length_scales[-2:]
    assert far > 2 * near


def test_units_and_levels_of_another_sweep_mean_nothing() -> None:
    """Another concept may be erased more easily; powers of two, so that nothing is rounded."""
    trials = sweep(lambda params: np.round(near(0.7)(params), 3).tolist())
    expected = proposed([trials])
    moved = [PriorTrial(t.number, t.params, (4 * t.values[0] - 2, t.values[1] / 2)) for t in trials]
    assert proposed([moved]) == pytest.approx(expected, abs=1e-3)


def test_directions_mean_nothing() -> None:
    """Less of the negative is more: below the reference corner of both."""

    def turned(values: Values) -> Values:
        return lambda params: [values(params)[0], 1 - values(params)[1]]

    def same(values: Values) -> Values:
        return lambda params: [values(params)[0], 1 - (1 - values(params)[1])]

    up = proposed([sweep(same(near(0.7)))], same(near(0.8)))
    down = proposed([sweep(turned(near(0.7)))], turned(near(0.8)), ["maximize", "minimize"])
    assert down == pytest.approx(up, abs=1e-3)


def test_values_beyond_the_reference_corner_are_told_apart_too() -> None:
    """As of a distance, which is no share: less is better, and all are far above 1."""

    def distances(best: float) -> Values:
        return lambda params: [30 - 20 * value for value in near(best)(params)]

    down: list[Objective] = ["minimize", "minimize"]
    assert off(proposed([sweep(distances(0.7))], distances(0.8), down)) < 0.15


def test_too_few_trials_of_its_own_say_nothing() -> None:
    """Until then trials lie evenly in the space, or take an earlier front's settings."""
    sampler = RelatedSampler([sweep(near(0.7))], seed=1, n_startup_trials=4)
    study = optuna.create_study(directions=UP, sampler=sampler)
    for place in range(3):
        params = spread(RANGES, 2, place)
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=RANGES, values=near(0.8)(params))
        )
    running = optuna.trial.create_trial(state=TrialState.RUNNING)
    assert sampler.sample_relative(study, running, RANGES) == {}


def test_prior_trials_in_the_study_are_not_its_own() -> None:
    other = sweep(near(0.2))
    for earlier in ([], [sweep(near(0.7))]):
        assert proposed(earlier, marked=other) == proposed(earlier)


def test_what_runs_is_not_proposed_again() -> None:
    """And what a killed process left without settings is no trial."""
    earlier = [sweep(near(0.7))]
    plain = proposed(earlier)
    assert proposed(earlier, running=[{}]) == plain
    other = proposed(earlier, running=[plain])
    assert max(abs(other[name] - plain[name]) for name in ("a", "b")) > 0.01


def test_the_common_scale_can_be_taken_back() -> None:
    scores = [np.array([near(best)(t.params) for t in sweep(near(best))]) for best in (0.8, 0.7)]
    scale = _CommonScale(scores)
    together = np.vstack(scale.told)
    np.testing.assert_allclose(together.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(together.std(axis=0), 1)
    back = scale.back(torch.from_numpy(scale.told[0]))
    np.testing.assert_allclose(back.numpy(), scores[0], atol=1e-12)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([[0.5, -0.2], [0.7, -0.9]], [0, -1]), ([[-2.0, -0.2], [0.7, -30.0]], [-2, -30])],
)
def test_the_corner_is_the_reference_or_what_lies_beyond(
    scores: list[list[float]], expected: list[float]
) -> None:
    directions = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    assert _corner(np.array(scores), directions).tolist() == expected


@pytest.mark.parametrize("settings", [1, 4])
def test_sweeps_are_likeliest_one_length_apart(settings: int) -> None:
    """Where the same settings' values in both correlate by a half."""

    def process(apart: float) -> GPRegressor:
        lengths = torch.tensor([1.0] * settings + [1 / apart], dtype=torch.float64)
        return GPRegressor(
            is_categorical=torch.tensor([False] * settings + [True]),
            X_train=torch.zeros((1, settings + 1), dtype=torch.float64),
            y_train=torch.zeros(1, dtype=torch.float64),
            inverse_squared_lengthscales=lengths**-2,
            kernel_scale=torch.tensor(1.0, dtype=torch.float64),
            noise_var=torch.tensor(0.01, dtype=torch.float64),
        )

    around = {apart: log_prior(1)(process(apart)).item() for apart in (0.8, 1.0, 1.25)}
    assert max(around, key=around.__getitem__) == 1.0
    marked = torch.tensor([[0.0] * settings + [1.0]], dtype=torch.float64)
    assert process(1.0).kernel(marked).item() == pytest.approx(0.524, abs=1e-3)
