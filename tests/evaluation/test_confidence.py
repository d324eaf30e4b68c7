"""Confidence bounds against Clopper and Pearson, hand cases, and the truth they should cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats

from pipeline.evaluation.confidence import (
    Sample,
    best_bound,
    confidence_bounds,
    kernel_bounds,
    least_bounds,
)
from pipeline.evaluation.kid import kernel_distance, kernel_pairs
from pipeline.evaluation.measures import Floats


def of_prompts(means: ArrayLike, repeats: int = 1) -> Sample:
    values = np.repeat(np.asarray(means, dtype=np.float64), repeats)
    return Sample(np.arange(len(values)) // repeats, values)


@pytest.mark.parametrize(("right", "prompts"), [(45, 48), (0, 20), (20, 20), (7, 12), (1, 300)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize("repeats", [1, 4])
def test_prompts_that_are_wholly_right_or_wrong_give_the_bound_of_clopper_and_pearson(
    right: int, prompts: int, confidence: float, repeats: int
) -> None:
    found = confidence_bounds(of_prompts(np.arange(prompts) < right, repeats), confidence)
    exact = stats.binomtest(right, prompts, alternative="greater").proportion_ci(confidence)
    above = stats.binomtest(right, prompts, alternative="less").proportion_ci(confidence)
    # A quantile of ten thousand draws.
    near = 0.03 * (above.high - exact.low)
    assert found.low == pytest.approx(exact.low, abs=near)
    assert found.high == pytest.approx(above.high, abs=near)
    assert found.value == pytest.approx(right / prompts)
    assert found.prompts == prompts


def test_a_share_of_one_is_no_certainty() -> None:
    found = confidence_bounds(of_prompts(np.ones(48), 4), 0.95)
    assert found.value == found.high == 1.0
    assert found.low == pytest.approx(best_bound(48, 0.95), abs=0.003)
    assert best_bound(48, 0.95) == pytest.approx(0.05 ** (1 / 48))


@settings(deadline=None)  # a quantile of ten thousand draws takes its time
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.integers(0, 29),
    st.floats(0, 1),
    st.sampled_from([0.5, 0.8, 0.95, 0.99]),
)
def test_bounds_lie_around_the_value_and_follow_every_prompt(
    means: list[float], place: int, better: float, confidence: float
) -> None:
    found = confidence_bounds(of_prompts(np.array(means)), confidence)
    assert 0 <= found.low <= found.value <= found.high <= 1
    raised = list(means)
    raised[place % len(means)] = max(better, means[place % len(means)])
    again = confidence_bounds(of_prompts(np.array(raised)), confidence)
    assert again.low >= found.low - 1e-12
    assert again.high >= found.high - 1e-12
    surer = confidence_bounds(of_prompts(np.array(means)), 0.995)
    assert surer.low <= found.low
    assert surer.high >= found.high


def test_more_pictures_of_a_prompt_that_agree_say_nothing_more() -> None:
    means = np.random.default_rng(0).uniform(size=30)
    once, often = (confidence_bounds(of_prompts(means, repeats), 0.95) for repeats in (1, 8))
    assert (once.low, once.high) == pytest.approx((often.low, often.high))


def test_many_ordinary_prompts_give_the_normal_bound() -> None:
    values = np.random.default_rng(1).normal(0.3, 0.05, 1500)
    sample = Sample(np.arange(1500), values, ends=None)
    found = confidence_bounds(sample, 0.95)
    half = stats.norm.ppf(0.95) * values.std(ddof=1) / np.sqrt(1500)
    assert found.low == pytest.approx(values.mean() - half, abs=0.08 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.08 * half)


def test_a_share_of_the_bases_is_surer_than_either_mean() -> None:
    generator = np.random.default_rng(2)
    base = generator.normal(0.3, 0.05, 60)  # prompts differ much more than models do
    sample = Sample(np.arange(60), 0.98 * base + generator.normal(0, 0.002, 60), base, ends=None)
    found = confidence_bounds(sample, 0.95)
    assert found.value == pytest.approx(sample.values.sum() / base.sum())
    assert found.high - found.low < 0.01
    unchanged = confidence_bounds(Sample(np.arange(60), base, base, ends=None), 0.95)
    assert (unchanged.low, unchanged.value, unchanged.high) == pytest.approx((1, 1, 1))


# Cases: the spread of prompts' own shares, as a beta distribution, and how many prompts.
HARD = [(20.0, 0.5, 48), (2.0, 0.1, 48), (2.0, 1.0, 12), (0.5, 0.005, 48), (2.0, 0.1, 12)]


@pytest.mark.parametrize(("a", "b", "prompts"), HARD)
def test_the_truth_is_covered_where_an_ordinary_bootstrap_fails(
    a: float, b: float, prompts: int
) -> None:
    generator = np.random.default_rng(3)
    runs, repeats, truth = 120, 4, a / (a + b)
    shares = generator.beta(a, b, (runs, prompts))
    right = generator.binomial(repeats, shares) / repeats
    held = [confidence_bounds(of_prompts(row), 0.9).low <= truth for row in right]
    # Three standard errors below 0.9.
    assert np.mean(held) >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / runs)


def test_an_ordinary_bootstrap_is_too_sure_of_rare_failures() -> None:
    # The number in the docstring of `confidence_bounds`.
    generator = np.random.default_rng(4)
    right = generator.binomial(4, generator.beta(20, 0.5, (400, 48))) / 4
    drawn = [row[generator.integers(48, size=(1000, 48))].mean(1) for row in right]
    held = [np.quantile(means, 0.05) <= 20 / 20.5 for means in drawn]
    assert 0.8 < np.mean(held) < 0.9


def test_the_least_of_several_is_bounded_by_the_least_bound() -> None:
    samples = [of_prompts(np.arange(16) < right) for right in (16, 13, 15)]
    found = least_bounds(samples, 0.95)
    singly = [confidence_bounds(each, 0.95) for each in samples]
    assert found.value == 13 / 16
    assert found.low == singly[1].low
    assert found.high >= singly[1].high


def test_the_least_of_several_is_covered() -> None:
    generator = np.random.default_rng(5)
    truths, runs = np.array([0.8, 0.8, 0.8, 0.95]), 80
    held = 0
    for _ in range(runs):
        right = generator.uniform(size=(4, 20)) < truths[:, None]
        held += least_bounds([of_prompts(each) for each in right], 0.9).low <= 0.8
    assert held / runs >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / runs)


def test_a_kernel_distance_has_its_bounds_around_it() -> None:
    generator = np.random.default_rng(6)
    base = generator.normal(size=(120, 16))
    prompts = np.repeat(np.arange(30), 4)
    assert kernel_bounds(kernel_pairs(base, base), prompts, 0.95).high == 0.0
    far = base + 0.5
    found = kernel_bounds(kernel_pairs(far, base), prompts, 0.95)
    assert found.value == pytest.approx(kernel_distance(far, base))
    assert 0 < found.low < found.value < found.high


def test_the_kernel_distance_of_two_populations_is_covered() -> None:
    generator = np.random.default_rng(7)

    def pictures(count: int) -> tuple[Floats, Floats]:
        scene = np.repeat(generator.normal(size=(count, 6)), 2, axis=0)
        base = scene + 0.3 * generator.normal(size=scene.shape)
        return base + 0.25 + 0.1 * generator.normal(size=scene.shape), base

    truth = float(np.mean([kernel_distance(*pictures(1000)) for _ in range(3)]))
    runs, prompts = 40, np.repeat(np.arange(40), 2)
    held = [
        kernel_bounds(kernel_pairs(*pictures(40)), prompts, 0.9).high >= truth for _ in range(runs)
    ]
    assert np.mean(held) >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / runs)


def test_what_cannot_be_bounded_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one judged picture"):
        confidence_bounds(of_prompts(np.array([])), 0.95)
    with pytest.raises(ValueError, match=r"confidence: expected a share from 0\.5"):
        confidence_bounds(of_prompts(np.ones(3)), 0.4)
