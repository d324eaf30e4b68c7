"""Points that lie evenly in a space."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, cast

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from pipeline.search.spread import spread

SPACE: dict[str, BaseDistribution] = {
    "choice": CategoricalDistribution(("a", "b")),
    "log": FloatDistribution(1e-4, 1e-2, log=True),
    "log_whole": IntDistribution(1, 8, log=True),
    "plain": FloatDistribution(-1.0, 3.0),
    "whole": IntDistribution(0, 7),
}


def first(count: int, seed: int = 0) -> list[dict[str, Any]]:
    return [spread(SPACE, seed, place) for place in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_eight_points_take_each_eighth_of_each_range_once(seed: int) -> None:
    points = first(8, seed)
    shares = {
        "plain": [(point["plain"] + 1) / 4 for point in points],
        "log": [math.log(point["log"] / 1e-4) / math.log(100) for point in points],
    }
    for each in shares.values():
        assert sorted(int(8 * share) for share in each) == list(range(8))
    assert sorted(point["whole"] for point in points) == list(range(8))
    assert Counter(point["choice"] for point in points) == {"a": 4, "b": 4}


def test_all_values_lie_in_their_ranges_and_reach_the_ends_of_whole_ones() -> None:
    points = first(256)
    assert all(d._contains(d.to_internal_repr(p[n])) for p in points for n, d in SPACE.items())
    assert {type(point["whole"]) for point in points} == {int}
    assert {point["log_whole"] for point in points} == set(range(1, 9))


def test_a_point_depends_on_the_seed_and_its_place_alone() -> None:
    assert spread(SPACE, 3, 5) == spread(SPACE, 3, 5) == first(6, 3)[5]
    assert spread(SPACE, 3, 5) != spread(SPACE, 4, 5)
    assert len({point["plain"] for point in first(64)}) == 64


def test_nothing_is_drawn_of_an_empty_space() -> None:
    assert spread({}, 0, 3) == {}


def test_an_unknown_distribution_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a float, an int or a choice"):
        spread({"odd": cast("BaseDistribution", object())}, 0, 0)
