"""From which trial on proposals follow the results, and what they do not depend on."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler

from pipeline.config import BudgetConfig
from pipeline.search.priors import PriorTrial
from pipeline.search.samplers import sampler_for
from pipeline.search.spread import spread

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
    values = {"earlier": [0.2, 0.5], "of one value": [0.5, 0.5]}
    earlier = [
        [PriorTrial(n, {"rate": 0.3 + n / 2}, (v, v)) for n, v in enumerate(values[name])]
        for name in budget.warm_start
    ]
    study.sampler = sampler_for(budget, ended, RANGE, 2, earlier)
    return float(study.ask(RANGE).params["rate"])


@pytest.mark.parametrize(
    ("more", "learns_after"),
    [
        ({}, 10),
        ({"warm_start": ("earlier",)}, 8),
        ({"warm_start": ("earlier",), "warm_start_by": "trials"}, 10),
        ({"warm_start": ("earlier",), "trials": 12}, 4),
        ({"sampler": "gp"}, 7),
        ({"sampler": "gp", "trials": 15}, 5),
        ({"sampler": "gp", "warm_start": ("earlier",)}, 4),
        ({"sampler": "gp", "warm_start": ("of one value",)}, 7),
    ],
)
def test_proposals_follow_results_after_a_blind_start(
    more: dict[str, object], learns_after: int
) -> None:
    budget = BudgetConfig.model_validate({"trials": 48, "sampler": "tpe", **more})
    for ended in (learns_after - 1, learns_after):
        blind = proposed(budget, ended, 0.0) == proposed(budget, ended, 1.0)
        assert blind == (ended < learns_after)


def test_sweeps_whose_trials_are_all_alike_change_nothing() -> None:
    alone = BudgetConfig(trials=48, sampler="gp")
    beside = BudgetConfig(trials=48, sampler="gp", warm_start=("of one value",))
    assert proposed(beside, 9, 0.4) == proposed(alone, 9, 0.4)


@pytest.mark.parametrize(("objectives", "kind"), [(1, GPSampler), (3, GPSampler), (4, TPESampler)])
def test_the_default_is_the_gaussian_process_while_it_takes_little(
    objectives: int, kind: type[BaseSampler]
) -> None:
    assert isinstance(sampler_for(BudgetConfig(), 0, RANGE, objectives), kind)


def test_the_gaussian_process_begins_evenly_around_the_settings_that_are_tried_first() -> None:
    """Points of one sequence, whatever is tried before them."""
    budget = BudgetConfig(trials=48, sampler="gp", seed=3)
    study = optuna.create_study(directions=["maximize", "maximize"])
    study.enqueue_trial({"rate": 0.123})
    rates = []
    for number in range(8):
        study.sampler = sampler_for(budget, number, RANGE, 2)
        rates.append(study.ask(RANGE).params["rate"])
    assert rates[0] == 0.123
    assert rates[1:] == [spread(RANGE, 3, place)["rate"] for place in range(1, 8)]
