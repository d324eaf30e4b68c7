"""Who proposes a sweep's trials: samplers on Optuna's, each made anew for each trial.

What a sampler proposes depends on the budget, its seed, the trial's number, the trials so far and
those of earlier sweeps, so that a sweep that was interrupted goes on as it would have.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from pipeline.config import BudgetConfig
from pipeline.search.priors import PriorTrial, differ
from pipeline.search.related import RelatedSampler
from pipeline.search.spread import spread

_LEAST_STARTUP: Final = 4
_MOST_STARTUP: Final = 10
_MOST_STARTUP_AFTER_A_FRONT: Final = 8
_MOST_STARTUP_OF_GP: Final = 7
"""With two workers an eighth trial runs by the time that seven are complete."""
_MOST_STARTUP_OF_RELATED_GP: Final = 4
"""An earlier sweep says more than trials all over the space."""


def sampler_for(
    budget: BudgetConfig,
    number: int,
    space: Mapping[str, BaseDistribution],
    objectives: int,
    earlier: Sequence[Sequence[PriorTrial]] = (),
) -> BaseSampler:
    """The sampler that proposes trial `number`, counted from 0.

    TPE counts trials that were stopped early among the worse ones. The Gaussian process looks at
    complete ones alone, and at those that are running.

    Args:
        budget: says which sampler, and its seed.
        number: of the trial.
        space: what every trial draws from.
        objectives: how many there are.
        earlier: trials of each earlier sweep, for the Gaussian process.
    """
    known = [trials for trials in earlier if differ(trials)]
    seed = int(np.random.SeedSequence([budget.seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match budget.sampler_of(objectives):
            case "tpe":
                return _FlatSpaceTPE(
                    space,
                    n_startup_trials=_startup_of_tpe(budget),
                    multivariate=True,
                    constant_liar=True,
                    seed=seed,
                )
            case "gp":
                return _SpreadGP(
                    space,
                    budget.seed,
                    earlier=known,
                    n_startup_trials=min(
                        _startup(budget),
                        _MOST_STARTUP_OF_RELATED_GP if known else _MOST_STARTUP_OF_GP,
                    ),
                    seed=seed,
                )
            case "random":
                return RandomSampler(seed)
            case "nsga2":
                # Optuna's own population of 50 would make a small sweep a random search.
                population = min(max(budget.trials // 4, 2 * _LEAST_STARTUP), 50)
                return NSGAIISampler(population_size=population, seed=seed)
            case other:
                assert_never(other)


def _startup(budget: BudgetConfig) -> int:
    """Trials that are drawn without a look at the others, before a model is worth anything."""
    return min(max(budget.trials // 3, _LEAST_STARTUP), _MOST_STARTUP)


def _startup_of_tpe(budget: BudgetConfig) -> int:
    """The same for TPE, an earlier front's trials among them.

    Without random ones it now and then stays where another concept's front was bad for this one.
    """
    if budget.warm_start and budget.warm_start_by == "front":
        return min(_startup(budget), _MOST_STARTUP_AFTER_A_FRONT)
    return _startup(budget)


class _FlatSpace:
    """For samplers of trials that all draw from the same distributions.

    Optuna looks through all trials for what they have in common; a sampler that is new for each of
    them, so that a resumed study proposes what it would have, would do so every time.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], **settings: Any) -> None:
        super().__init__(**settings)
        self._space = {name: d for name, d in sorted(space.items()) if not d.single()}

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """What every trial draws from."""
        del study, trial
        return self._space


class _FlatSpaceTPE(_FlatSpace, TPESampler):
    pass


class _SpreadGP(_FlatSpace, RelatedSampler):
    """The Gaussian process; the trials before it proposes lie evenly in the space."""

    def __init__(
        self, space: Mapping[str, BaseDistribution], first_seed: int, **settings: Any
    ) -> None:
        super().__init__(space, **settings)
        self._first_seed = first_seed

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Its proposal, or a point of the spread as long as there is none."""
        proposed = super().sample_relative(study, trial, search_space)
        return proposed or spread(search_space, self._first_seed, trial.number)
