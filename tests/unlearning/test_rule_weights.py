"""How the retain weight enters each update rule."""

from __future__ import annotations

import pytest
import torch

from pipeline.config import UpdateConfig
from pipeline.unlearning.gradients import Products
from pipeline.unlearning.multi_objective import Rule
from pipeline.unlearning.rules import coefficients, rule_weights
from tests.unlearning.test_multi_objective import RADIUS, RULES, SEEDS, cases, draw, update_of


@cases
def test_upgrad_is_the_papers_restricted_gradient_at_weight_one(seed: int, ratio: float) -> None:
    forget, retain = draw(seed, ratio)
    scalars = Products(forget @ forget, retain @ retain, forget @ retain)
    restricted = coefficients(scalars, UpdateConfig(rule="weighted_sum", restriction="gradient"))
    upgrad = rule_weights(scalars, UpdateConfig(rule="upgrad"))
    torch.testing.assert_close(
        2 * torch.stack(upgrad), torch.stack(restricted), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("weight", [0.25, 1.0, 6.0])
def test_a_rule_negotiates_with_the_weighted_retain_gradient(rule: Rule, weight: float) -> None:
    for seed in SEEDS:
        forget, retain = draw(seed, 1.0)
        scalars = Products(forget @ forget, retain @ retain, forget @ retain)
        settings = UpdateConfig(rule=rule, retain_weight=weight, cagrad_radius=RADIUS)
        onto_forget, onto_retain = rule_weights(scalars, settings)
        found = onto_forget * forget + onto_retain * retain
        torch.testing.assert_close(found, update_of(rule, forget, weight * retain))


@pytest.mark.parametrize("rule", ["nash_mtl", "imtl_g"])
def test_rules_that_look_at_angles_alone_point_the_same_way_for_every_weight(rule: Rule) -> None:
    forget, retain = draw(0, 1.0)
    expected = forget / forget.norm() + retain / retain.norm()
    for weight in (0.01, 1.0, 50.0):
        update = update_of(rule, forget, weight * retain)
        torch.testing.assert_close(update / update.norm(), expected / expected.norm())


@pytest.mark.parametrize("rule", RULES)
def test_without_a_retain_weight_only_forgetting_is_left(rule: Rule) -> None:
    forget, retain = draw(0, 1.0)
    scalars = Products(forget @ forget, retain @ retain, forget @ retain)
    weights = rule_weights(scalars, UpdateConfig(rule=rule, retain_weight=0.0))
    assert [float(weight) for weight in weights] == [1.0, 0.0]


def test_single_losses_and_the_weighted_sum() -> None:
    one = torch.ones((), dtype=torch.float64)
    scalars = Products(one, 4 * one, -one)
    for rule, expected in (
        ("weighted_sum", [1.0, 2.5]),
        ("forget_only", [1.0, 0.0]),
        ("retain_only", [0.0, 1.0]),
    ):
        update = UpdateConfig.model_validate({"rule": rule, "retain_weight": 2.5})
        assert [float(weight) for weight in rule_weights(scalars, update)] == expected
