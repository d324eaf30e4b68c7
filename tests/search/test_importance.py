"""Importances: the parameter that decides comes first, always with the same number."""

from __future__ import annotations

import math
import random
import time
from pathlib import Path

import pytest

from pipeline.config import parse_space
from pipeline.search.importance import LEAST_TRIALS, importances
from pipeline.search.records import SweepRecord, TrialRecord

SPACE = """
name: tiny
concept: {kind: object, forget: [sneaker]}
prompts:
  forget_diversity: {uniform: [0, 1]}
  retain_mix: {simplex: [same_context, neighbours, generic]}
update:
  restriction: {choice: [gradient, none]}
  learning_rate: {log_uniform: [1e-5, 1e-3]}
objectives: {erasure: maximize, alignment: maximize}
"""


def record(count: int) -> SweepRecord:
    """Erasure follows the learning rate, alignment the restriction; all else is noise."""
    space, draw = parse_space(SPACE), random.Random(3)  # noqa: S311 - nothing secret
    trials = []
    for number in range(count):
        rate = 10 ** draw.uniform(-5, -3)
        restriction = draw.choice(["gradient", "none"])
        shares = [draw.random() for _ in range(3)]
        mix = [share / sum(shares) for share in shares]
        noise = [draw.gauss(0, 0.02) for _ in range(2)]
        values = (
            math.log(rate / 1e-5) / math.log(100) + noise[0],
            (0.9 if restriction == "gradient" else 0.5) + noise[1],
        )
        params = {
            "prompts.forget_diversity": draw.random(),
            **{
                f"prompts.retain_mix.{name}": share
                for name, share in zip(("same_context", "neighbours", "generic"), mix, strict=True)
            },
            "update.restriction": restriction,
            "update.learning_rate": rate,
        }
        folder = Path(f"trials/{number:04d}")
        trials.append(TrialRecord(number, "complete", params, values, {}, folder, None, 1.0))
    failed = TrialRecord(count, "failed", {}, None, {}, Path("none"), "NaN", 1.0)
    objectives = dict(space.objectives)
    return SweepRecord("t", Path("t"), space, objectives, {}, (*trials, failed), "finished")


@pytest.mark.parametrize("count", [LEAST_TRIALS, 80])
def test_what_decides_comes_first(count: int) -> None:
    found = importances(record(count))
    assert next(iter(found["erasure"])) == "update.learning_rate"
    assert found["erasure"]["update.learning_rate"] > 0.5
    assert next(iter(found["alignment"])) == "update.restriction"
    assert len(found["erasure"]) == 6  # shares of a simplex are parameters of their own
    assert math.isclose(sum(found["erasure"].values()), 1.0)


def test_the_same_trials_give_the_same_numbers() -> None:
    assert importances(record(40)) == importances(record(40))


def test_too_few_trials_say_nothing() -> None:
    assert importances(record(LEAST_TRIALS - 1)) == {}
    assert importances(record(LEAST_TRIALS)) != {}


def test_a_thousand_trials_take_a_moment() -> None:
    given = record(1000)
    began = time.process_time()
    importances(given)
    assert time.process_time() - began < 10
