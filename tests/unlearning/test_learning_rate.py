"""Warm-up and cooldown."""

from __future__ import annotations

import pytest

from pipeline.config import UpdateConfig
from pipeline.unlearning.learning_rate import learning_rate


def rates(**settings: int) -> list[float]:
    """Of all steps of a run, with 1 as the full one."""
    update = UpdateConfig(learning_rate=1.0, **settings)
    return [learning_rate(update, number) for number in range(1, update.steps + 1)]


def test_it_rises_stays_and_falls() -> None:
    assert rates(steps=7, warmup=2, cooldown=4) == [0.5, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]


def test_without_either_it_is_constant() -> None:
    assert rates(steps=3, warmup=0, cooldown=0) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("steps", [1, 4])
def test_longer_than_the_run_they_meet_and_no_step_is_lost(steps: int) -> None:
    values = rates(steps=steps, warmup=8, cooldown=8)
    assert values == values[::-1]
    assert all(0 < value <= 0.5 for value in values)
