"""Which parameters matter for an objective: by what a forest that predicts it splits its trials.

Optuna's mean decrease impurity (Breiman 2001) with a fixed seed, chosen by measuring three of its
evaluators on trials whose decisive parameters are known (benchmarks/results/page.md): among 16 to
48 trials PED-ANOVA put noise above a choice of two, and fANOVA, which ranks as this one does, takes
minutes for a thousand trials, of which a page is drawn again and again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, assert_never

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import MeanDecreaseImpurityImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

from pipeline.config.distributions import Choice, IntUniform, Simplex, Uniform
from pipeline.search.distributions import flatten, to_optuna
from pipeline.search.records import SweepRecord, TrialRecord

LEAST_TRIALS: Final = 16
"""Of fewer complete trials a forest learns their noise."""

_SEED: Final = 0


def importances(record: SweepRecord) -> dict[str, dict[str, float]]:
    """Objective -> parameter -> its share of the importance; most important first.

    Shares of a simplex are parameters of their own. With fewer complete trials than
    `LEAST_TRIALS`, or nothing that is searched, the result is empty.
    """
    complete = [trial for trial in record.trials if trial.values is not None and trial.params]
    distributions = _flat_distributions(record)
    if len(complete) < LEAST_TRIALS or not distributions:
        return {}
    study = _study(record, complete, distributions)
    evaluator = MeanDecreaseImpurityImportanceEvaluator(seed=_SEED)
    found = {}
    for place, name in enumerate(record.objectives):
        shares = get_param_importances(study, evaluator=evaluator, target=_objective(place))
        # Numbers of one's own: numpy's are no JSON.
        found[name] = {param: float(share) for param, share in shares.items()}
    return found


def _objective(place: int) -> Callable[[FrozenTrial], float]:
    return lambda trial: trial.values[place]


def _study(
    record: SweepRecord,
    complete: list[TrialRecord],
    distributions: Mapping[str, BaseDistribution],
) -> optuna.Study:
    """A study in memory of the parameters as people read them, shares in place of draws."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=list(record.objectives.values()))
    study.add_trials(
        [
            optuna.trial.create_trial(
                values=list(trial.values or ()),
                params={
                    name: _value(trial.params[name], each) for name, each in distributions.items()
                },
                distributions=dict(distributions),
            )
            for trial in complete
        ]
    )
    return study


def _flat_distributions(record: SweepRecord) -> dict[str, BaseDistribution]:
    """One a parameter of a record; what has one value only is left out."""
    found: dict[str, BaseDistribution] = {}
    for path, distribution in record.space.distributions.items():
        match distribution:
            case Simplex(names):
                shares = flatten({path: dict.fromkeys(names, 0.0)})
                found.update(dict.fromkeys(shares, FloatDistribution(0.0, 1.0)))
            case Choice(options):
                found[path] = CategoricalDistribution([json.dumps(option) for option in options])
            case Uniform() | IntUniform():
                found.update(to_optuna({path: distribution}))
            case _:
                assert_never(distribution)
    return {name: each for name, each in found.items() if not each.single()}


def _value(value: Any, distribution: BaseDistribution) -> Any:
    # As text, by which 1, 1.0 and true are told apart.
    return json.dumps(value) if isinstance(distribution, CategoricalDistribution) else value
