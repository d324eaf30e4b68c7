"""KID against a plain double loop, and against moments of known distributions."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.kid import kernel_distance
from pipeline.evaluation.measures import Floats


def normal(count: int, width: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(count, width))


def by_loops(x: Floats, y: Floats) -> float:
    def kernel(a: Floats, b: Floats) -> float:
        return float((sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3)

    count, total = len(x), 0.0
    for i in range(count):
        for j in range(count):
            if i != j:
                total += kernel(x[i], x[j]) + kernel(y[i], y[j])
                total -= kernel(x[i], y[j]) + kernel(x[j], y[i])
    return total / (count * (count - 1))


def distance_of_normals(m: float, n: float) -> float:
    """Squared MMD of N(m, 1) and N(n, 1) under (xy + 1)^3: the kernel compares three moments."""
    first, second, third = m - n, (m**2 + 1) - (n**2 + 1), (m**3 + 3 * m) - (n**3 + 3 * n)
    return 3 * first**2 + 3 * second**2 + third**2


@pytest.mark.parametrize("scale", [1e-2, 1.0, 30.0])
def test_it_is_the_mean_over_pairs_of_different_pictures(scale: float) -> None:
    x, y = normal(9, 5) * scale, (normal(9, 5, seed=1) + 0.5) * scale
    assert kernel_distance(x, y) == pytest.approx(by_loops(x, y), rel=1e-9)
    assert kernel_distance(y, x) == pytest.approx(kernel_distance(x, y), rel=1e-9)


def test_the_same_pictures_are_exactly_no_distance_apart() -> None:
    features = normal(50, 300)
    assert kernel_distance(features, features.copy()) == 0.0


def test_it_grows_with_the_shift() -> None:
    x = normal(60, 16)
    found = [kernel_distance(x, x + shift) for shift in (0.0, 0.1, 0.3, 1.0, 3.0)]
    assert found == sorted(found)
    assert found[0] == 0.0
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("alike", [0.0, 0.9])
@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_it_is_unbiased_however_alike_the_partners_are(alike: float, shift: float) -> None:
    generator = np.random.default_rng(0)
    found = []
    for _ in range(3000):
        shared, own, other = generator.normal(size=(3, 12, 1))
        x = np.sqrt(alike) * shared + np.sqrt(1 - alike) * own
        y = np.sqrt(alike) * shared + np.sqrt(1 - alike) * other + shift
        found.append(kernel_distance(x, y))
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(distance_of_normals(0, shift), abs=4 * error)


def test_partners_that_are_alike_cancel_noise() -> None:
    generator = np.random.default_rng(0)
    spread = []
    for alike in (0.0, 0.9):
        found = []
        for _ in range(500):
            shared, own, other = generator.normal(size=(3, 30, 4))
            x = np.sqrt(alike) * shared + np.sqrt(1 - alike) * own
            found.append(kernel_distance(x, np.sqrt(alike) * shared + np.sqrt(1 - alike) * other))
        spread.append(np.std(found))
    assert spread[1] < spread[0] / 3


@pytest.mark.parametrize(("left", "right"), [((1, 4), (1, 4)), ((3, 4), (4, 4)), ((3, 4), (3, 5))])
def test_sets_that_cannot_be_compared_are_refused(
    left: tuple[int, int], right: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="at least two pictures and of as many of the base's"):
        kernel_distance(np.ones(left), np.ones(right))
