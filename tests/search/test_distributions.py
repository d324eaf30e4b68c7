"""Draws through Optuna arrive as values of the space's distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Choice, Distribution, IntUniform, Simplex, Uniform
from pipeline.search.distributions import flatten, from_optuna, shares, to_optuna, to_params
from pipeline.search.pareto import Floats

EVERY_KIND: dict[str, Distribution] = {
    "update.learning_rate": Uniform(1e-5, 1e-3, log=True),
    "prompts.forget_diversity": Uniform(0.0, 1.0),
    "update.steps": IntUniform(10, 1000, log=True),
    "update.warmup": IntUniform(0, 3),
    "update.restriction": Choice(("gradient", "none")),
    "update.clip_norm": Choice((None, 1, 1.0, True)),
    "prompts.retain_mix": Simplex(("same_context", "neighbours", "generic")),
}


COUNT = 500
CRITICAL = 1.95 / np.sqrt(COUNT)
"""Kolmogorov-Smirnov distance that one in a thousand right samples exceeds."""


def distance(sample: list[float], cumulative: Callable[[Floats], Floats]) -> float:
    expected = cumulative(np.sort(np.array(sample)))
    steps = np.arange(len(sample) + 1) / len(sample)
    return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()))


def draws(count: int) -> list[dict[str, Any]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    asked = [study.ask(to_optuna(EVERY_KIND)).params for _ in range(count)]
    return [from_optuna(EVERY_KIND, params) for params in asked]


def test_every_value_lies_in_its_distribution() -> None:
    for values in draws(200):
        assert values.keys() == EVERY_KIND.keys()
        assert isinstance(rate := values["update.learning_rate"], float)
        assert 1e-5 <= rate <= 1e-3
        assert isinstance(steps := values["update.steps"], int)
        assert 10 <= steps <= 1000
        assert values["update.warmup"] in range(4)
        assert values["update.restriction"] in {"gradient", "none"}
        assert isinstance(mix := values["prompts.retain_mix"], dict)
        assert sum(mix.values()) == pytest.approx(1, abs=1e-9)
        assert min(mix.values()) >= 0


def test_values_become_parameters_that_give_them_again() -> None:
    for values in draws(200):
        params = to_params(EVERY_KIND, values)
        for name, distribution in to_optuna(EVERY_KIND).items():
            assert distribution._contains(distribution.to_internal_repr(params[name]))
        again = from_optuna(EVERY_KIND, params)
        assert again.pop("prompts.retain_mix") == pytest.approx(values.pop("prompts.retain_mix"))
        assert again == values
        assert type(again["update.clip_norm"]) is type(values["update.clip_norm"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("update.learning_rate", 1.0),
        ("update.learning_rate", None),
        ("update.warmup", 4),
        ("update.restriction", "step"),
        ("prompts.retain_mix", {"same_context": 0.5, "neighbours": 0.25, "anchor": 0.25}),
    ],
)
def test_values_that_cannot_be_drawn_are_no_parameters(path: str, value: object) -> None:
    values = {**draws(1)[0], path: value}
    with pytest.raises(ValueError, match=path):
        to_params(EVERY_KIND, values)


def test_options_that_are_equal_to_python_stay_apart() -> None:
    seen = {(type(v), v) for v in (values["update.clip_norm"] for values in draws(100))}
    assert seen == {(type(None), None), (int, 1), (float, 1.0), (bool, True)}


def test_logarithmic_numbers_are_uniform_in_the_logarithm() -> None:
    rates = [np.log10(values["update.learning_rate"]) for values in draws(COUNT)]
    assert distance(rates, lambda x: (x + 5) / 2) < CRITICAL


def test_a_simplex_is_drawn_uniformly() -> None:
    # A share of a uniform draw from the simplex over k names follows Beta(1, k - 1).
    mixes = [values["prompts.retain_mix"] for values in draws(COUNT)]
    for name in ("same_context", "neighbours", "generic"):
        drawn = [mix[name] for mix in mixes if isinstance(mix, dict)]
        assert distance(drawn, lambda x: 1 - (1 - x) ** 2) < CRITICAL


@given(st.lists(st.floats(1e-9, 1 - 1e-9), min_size=2, max_size=6))
def test_shares_of_any_draw_sum_to_one(numbers: list[float]) -> None:
    mix = shares({str(place): number for place, number in enumerate(numbers)})
    assert sum(mix.values()) == pytest.approx(1, abs=1e-9)
    assert all(0 <= share <= 1 for share in mix.values())


def test_flattened_values_have_an_entry_a_number() -> None:
    values = {"update.steps": 5, "prompts.retain_mix": {"same_context": 0.25, "generic": 0.75}}
    assert flatten(values) == {
        "update.steps": 5,
        "prompts.retain_mix.same_context": 0.25,
        "prompts.retain_mix.generic": 0.75,
    }
