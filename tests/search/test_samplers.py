"""From which trial on proposals follow the results: after an earlier sweep's front sooner."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution

from pipeline.config import BudgetConfig
from pipeline.search.samplers import sampler_for

RANGE: dict[str, BaseDistribution] = {"rate": FloatDistribution(0.0, 1.0)}


def proposed(budget: BudgetConfig, ended: int, best: float) -> float:
    """What is proposed after trials all over the range, of which those next to `best` are best."""
    study = optuna.create_study(directions=["maximize", "maximize"])
    for number in range(ended):
        rate = number / ended
        value = 1 - abs(rate - best)
        study.add_trial(
            optuna.trial.create_trial(
                params={"rate": rate}, distributions=RANGE, values=[value, value]
            )
        )
    study.sampler = sampler_for(budget, ended)
    return float(study.ask(RANGE).params["rate"])


@pytest.mark.parametrize(
    ("more", "learns_after"),
    [
        ({}, 10),
        ({"warm_start": ("earlier",)}, 8),
        ({"warm_start": ("earlier",), "warm_start_by": "trials"}, 10),
        ({"warm_start": ("earlier",), "trials": 12}, 4),
    ],
)
def test_proposals_follow_results_after_a_random_start(
    more: dict[str, object], learns_after: int
) -> None:
    budget = BudgetConfig.model_validate({"trials": 48, **more})
    for ended in (learns_after - 1, learns_after):
        blind = proposed(budget, ended, 0.0) == proposed(budget, ended, 1.0)
        assert blind == (ended < learns_after)
