"""Where the rungs lie."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config import ConfigError, EarlyStoppingConfig
from tests.search.spaces import smoke_space


@pytest.mark.parametrize(
    ("settings", "steps", "rungs"),
    [
        ({}, 100, {25: 0, 75: 1}),
        ({}, 50, {12: 0, 38: 1}),
        ({"reduction": 2, "first_rung": 0.1}, 100, {10: 0, 20: 1, 40: 2, 80: 3}),
        # Two rungs on the first step: the later one counts; none on the last step.
        ({"reduction": 2, "first_rung": 0.1}, 4, {1: 1, 2: 2, 3: 3}),
        ({"first_rung": 0.99}, 10, {}),
        ({}, 1, {}),
    ],
)
def test_rungs_are_shares_of_the_steps(
    settings: dict[str, Any], steps: int, rungs: dict[int, int]
) -> None:
    assert EarlyStoppingConfig(**settings).rungs(steps) == rungs


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"reduction": 1}, "budget.early_stopping.reduction: expected a number of 2 or more"),
        ({"first_rung": 1.0}, "budget.early_stopping.first_rung: expected a number below 1"),
        ({"prompts": 4}, "budget.early_stopping.prompts: expected a number of 8 or more"),
        ({"rungs": 3}, "budget.early_stopping.rungs: expected a known setting"),
    ],
)
def test_what_makes_no_rungs_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        smoke_space(budget={"early_stopping": settings})
    assert problem in str(refused.value)


def test_nothing_is_stopped_early_unless_a_file_says_so() -> None:
    assert smoke_space().budget.early_stopping is None
    chosen = smoke_space(budget={"early_stopping": {}}).budget.early_stopping
    assert chosen == EarlyStoppingConfig()
