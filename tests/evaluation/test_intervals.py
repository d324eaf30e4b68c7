"""Bootstrap intervals against scipy, the normal approximation and the truth they should cover."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy import stats

from pipeline.evaluation.intervals import Interval, bootstrap_interval
from pipeline.evaluation.measures import Floats


def skewed(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).exponential(size=count)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_one_group_gives_the_interval_that_scipy_gives(level: float) -> None:
    values = skewed(60)
    own = bootstrap_interval([values], seed=1, level=level, resamples=20_000)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=level,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert own.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert own.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_a_large_sample_gives_the_normal_interval() -> None:
    values = skewed(2000)
    found = bootstrap_interval([values], seed=0, resamples=4000)
    half = stats.norm.ppf(0.975) * values.std(ddof=1) / np.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert found.low == pytest.approx(values.mean() - half, abs=0.08 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.08 * half)


def test_the_truth_is_covered_as_often_as_the_level_says() -> None:
    generator = np.random.default_rng(0)
    trials = 400
    found = [
        bootstrap_interval([generator.normal(3.0, 2.0, 100)], seed=trial, level=0.9, resamples=400)
        for trial in range(trials)
    ]
    covered = sum(each.low <= 3.0 <= each.high for each in found)
    # Four standard errors of a share of 0.9, and two per cent for a finite sample.
    assert covered / trials == pytest.approx(0.9, abs=0.02 + 4 * np.sqrt(0.9 * 0.1 / trials))


@pytest.mark.parametrize("count", [2, 3, 16])
def test_of_seeds_alone_it_is_the_interval_of_the_t_test(count: int) -> None:
    # Without spread inside trainings all that is left is the spread between them.
    values = skewed(count)
    table = [np.full(50, value) for value in values]
    found = bootstrap_interval(table, seed=0, resamples=20_000)
    half = stats.t.ppf(0.975, count - 1) * stats.sem(values)
    assert (found.low, found.high) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=0.01 * half
    )
    within = bootstrap_interval([np.concatenate(table)], seed=0, resamples=2000)
    assert found.high - found.low > 4 * (within.high - within.low)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_few_trainings_cover_the_truth_as_often_as_the_level_says(count: int) -> None:
    generator = np.random.default_rng(count)
    trials, covered = 600, 0
    for _ in range(trials):
        trainings = generator.normal(0, 0.05, (count, 1))
        table = (
            trainings + generator.normal(0, 0.1, (1, 40)) + generator.normal(0, 0.1, (count, 40))
        )
        found = bootstrap_interval(table, seed=0, resamples=400)
        covered += found.low <= 0 <= found.high
    assert 0.92 < covered / trials < 0.985


def test_the_same_training_three_times_is_as_sure_as_once() -> None:
    values = skewed(24)
    once = bootstrap_interval([values], seed=0, resamples=20_000)
    thrice = bootstrap_interval([values] * 3, seed=1, resamples=20_000)
    assert thrice.high - thrice.low == pytest.approx(once.high - once.low, rel=0.05)
    assert thrice.count == 3 * once.count


def test_the_spread_of_trainings_and_of_prompts_add_up() -> None:
    generator = np.random.default_rng(3)
    trainings, prompts = generator.normal(0, 0.3, (12, 1)), generator.normal(0, 0.5, (1, 40))
    found = bootstrap_interval(trainings + prompts, seed=0, resamples=20_000)
    # Variance of the mean of a table without any interaction of rows and columns.
    # Between trainings it is Student's with 11 degrees of freedom, nearly normal.
    between = np.var(trainings, ddof=1) / 12 * 11 / 9
    half = stats.norm.ppf(0.975) * np.sqrt(between + np.var(prompts) / 40)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)


def test_prompts_that_are_hard_for_every_training_do_not_shorten_the_interval() -> None:
    generator = np.random.default_rng(0)
    trials, covered = 300, 0
    for trial in range(trials):
        table = generator.normal(0, 0.2, (1, 24)) + generator.normal(0, 0.1, (3, 24))
        found = bootstrap_interval(table, seed=trial, resamples=400)
        covered += found.low <= 0 <= found.high
    # With prompts drawn anew for each training it is 0.78.
    assert covered / trials == pytest.approx(0.95, abs=0.03 + 4 * np.sqrt(0.95 * 0.05 / trials))
    assert covered / trials > 0.88


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (1, 768), (3, 41)])
def test_a_constant_sample_gives_an_interval_without_width(shape: tuple[int, int]) -> None:
    found = bootstrap_interval(np.full(shape, 0.1), seed=5)
    assert found.low == pytest.approx(0.1, rel=1e-14)
    assert found.high - found.low == pytest.approx(0.0, abs=1e-16)
    assert found.mean == pytest.approx(found.low, rel=1e-14)


def test_the_seed_decides_and_the_level_widens() -> None:
    table = [skewed(30), skewed(30, seed=1)]
    first = bootstrap_interval(table, seed=0)
    assert first == bootstrap_interval(table, seed=0)
    assert first != bootstrap_interval(table, seed=1)
    wider = bootstrap_interval(table, seed=0, level=0.99)
    assert wider.low < first.low < first.mean < first.high < wider.high


def test_an_interval_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Interval(0.5, 0.4, 0.6, 10).mean = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("table", "changes", "complaint"),
    [
        ([], {}, r"expected a table \(G, n\)"),
        ([[]], {}, r"got \(1, 0\)"),
        ([1.0, 2.0], {}, r"got \(2,\)"),
        ([[1.0, 2.0], [1.0]], {}, "the same prompts"),
        ([[1.0, np.nan]], {}, "expected finite"),
        ([[1.0]], {"level": 1.0}, "level: expected"),
        ([[1.0]], {"level": 0.0}, "level: expected"),
        ([[1.0]], {"level": float("nan")}, "level: expected"),
        ([[1.0]], {"resamples": 0}, "resamples: expected"),
    ],
)
def test_what_has_no_interval_is_refused(
    table: ArrayLike, changes: dict[str, float], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        bootstrap_interval(table, 0, **changes)  # type: ignore[arg-type]
