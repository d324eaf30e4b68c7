"""Who proposes a sweep's trials: Optuna's samplers, each made anew for each trial.

What a sampler proposes depends on the budget's seed, the trial's number and the results so far, so
that a sweep that was interrupted goes on as it would have.
"""

from __future__ import annotations

import warnings
from typing import Final, assert_never

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from pipeline.config import BudgetConfig

_ENDED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
_LEAST_STARTUP: Final = 4
_MOST_STARTUP: Final = 10
_MOST_STARTUP_AFTER_A_FRONT: Final = 8


def sampler_for(budget: BudgetConfig, number: int) -> BaseSampler:
    """The sampler that proposes trial `number`, counted from 0.

    TPE counts trials that were stopped early among the worse ones. The Gaussian process looks at
    complete ones alone, and at those that are running.
    """
    seed = int(np.random.SeedSequence([budget.seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match budget.sampler:
            case "tpe":
                return _FlatSpaceTPE(
                    n_startup_trials=_startup_of_tpe(budget),
                    multivariate=True,
                    constant_liar=True,
                    seed=seed,
                )
            case "gp":
                # Drawn at random, its first trials say so by themselves: no warning is needed.
                return GPSampler(
                    n_startup_trials=_startup(budget), warn_independent_sampling=False, seed=seed
                )
            case "random":
                return RandomSampler(seed)
            case "nsga2":
                # Optuna's own population of 50 would make a small sweep a random search.
                population = min(max(budget.trials // 4, 2 * _LEAST_STARTUP), 50)
                return NSGAIISampler(population_size=population, seed=seed)
            case _:
                assert_never(budget.sampler)


def _startup(budget: BudgetConfig) -> int:
    """Trials that are drawn at random before a model of them is worth anything."""
    return min(max(budget.trials // 3, _LEAST_STARTUP), _MOST_STARTUP)


def _startup_of_tpe(budget: BudgetConfig) -> int:
    """The same for TPE, an earlier front's trials among them: after six good ones two are enough.

    Without any it now and then stays where the front of another concept was bad for this one.
    """
    if budget.warm_start and budget.warm_start_by == "front":
        return min(_startup(budget), _MOST_STARTUP_AFTER_A_FRONT)
    return _startup(budget)


class _FlatSpaceTPE(TPESampler):
    """TPE for trials that all draw from the same distributions.

    Optuna looks through all trials for what they have in common; a sampler that is new for each of
    them, so that a resumed study proposes what it would have, would do so every time.
    """

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """What every trial draws from, as the last one that ended did."""
        del trial
        ended = (t for t in reversed(study.get_trials(deepcopy=False)) if t.state in _ENDED)
        known = next(ended, None)
        distributions = {} if known is None else known.distributions
        return {n: d for n, d in sorted(distributions.items()) if not d.single()}
