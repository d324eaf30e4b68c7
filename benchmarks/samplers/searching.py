"""One search as a sweep does it, with its own samplers and its own rule at the rungs.

Only what becomes of a configuration comes from elsewhere: looked up, or trained and judged.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState
from table import RecordedTrial

from pipeline.config import BudgetConfig, EarlyStoppingConfig, SearchSpace
from pipeline.search.defaults import default_values
from pipeline.search.distributions import to_optuna, to_params
from pipeline.search.halving import verdict
from pipeline.search.pareto import hypervolume_history, reference_point
from pipeline.search.priors import Priors, PriorTrial
from pipeline.search.samplers import sampler_for
from pipeline.search.warm_start import compared_trials, first_trials

Floats = NDArray[np.float64]

UP: Final = ("maximize", "maximize")
WORKERS: Final = 2
STEPS: Final = 36


@dataclass(frozen=True)
class Search:
    """One search: the hypervolume whenever a trial ended.

    Attributes:
        compute: processor seconds spent until then, the sampler's own among them, (N,).
        volume: (N,), never falling.
        whole: trials that were not stopped.
        trials: those of them, as the study holds them, the earlier sweep's not among them.
    """

    compute: Floats
    volume: Floats
    whole: int
    trials: Sequence[FrozenTrial] = field(repr=False, default=())

    def at(self, compute: float) -> float:
        """The hypervolume after so many seconds."""
        # Sums of the same seconds differ in their last bits.
        before = int(np.searchsorted(self.compute, compute + 0.01, side="right"))
        return float(self.volume[before - 1]) if before else 0.0


@dataclass(frozen=True)
class Start:
    """What a search knows before its first trial.

    Attributes:
        defaults: whether its first trial takes the settings' defaults.
        first: settings of another concept's front, tried first.
        compared: trials of other concepts, sweep by sweep, known as such to the Gaussian process.
        earlier: trials of another concept, which the sampler sees as its own.
    """

    defaults: bool = False
    first: Sequence[PriorTrial] = ()
    compared: Sequence[Sequence[PriorTrial]] = ()
    earlier: Sequence[FrozenTrial] = ()


def after(earlier: Mapping[str, Sequence[PriorTrial]], space: SearchSpace) -> Start:
    """What a sweep with `budget.warm_start` begins with, after the sweeps that `space` names."""
    priors = [Priors(name, tuple(trials)) for name, trials in earlier.items()]
    return Start(
        first=[trial for each in priors for trial in first_trials(each, space)],
        compared=[compared_trials(each, space) for each in priors],
    )


class Trials(Protocol):
    """Whatever tells what becomes of a configuration."""

    def trial(self, params: Mapping[str, Any], /) -> RecordedTrial:
        """Its objectives at the rungs and at the end, and what they took."""


Event = tuple[float, int, optuna.Trial, RecordedTrial, list[int], int]
"""When something happens on a worker, the trial and what becomes of it, rungs left, steps done."""


def search(
    trials: Trials,
    space: SearchSpace,
    budget: BudgetConfig,
    start: Start,
    most: int | None = None,
) -> Search:
    """Search once, with a budget of its own; `most` of its trials, where they are fewer."""
    distributions = to_optuna(space.distributions)
    study = optuna.create_study(directions=list(UP), sampler=optuna.samplers.RandomSampler(0))
    study.add_trials(start.earlier)
    if start.defaults:
        study.enqueue_trial(to_params(space.distributions, default_values(space)))
    for first in start.first:
        study.enqueue_trial(first.params)
    stopping = budget.early_stopping
    steps = {} if stopping is None else stopping.rungs(STEPS)
    seen: dict[int, list[tuple[float, ...]]] = {}
    spent = 0.0
    ended: list[tuple[float, tuple[float, ...] | None]] = []
    events: list[Event] = []
    asked = 0

    def begin(now: float) -> None:
        nonlocal asked, spent
        if asked == min(budget.trials, most or budget.trials):
            return
        thinking = time.process_time()
        number = len(start.earlier) + asked
        study.sampler = sampler_for(budget, number, distributions, len(UP), start.compared)
        trial = study.ask(distributions)
        spent += time.process_time() - thinking
        asked += 1
        _plan(events, now, trial, trials.trial(trial.params), sorted(steps), 0)

    for _ in range(WORKERS):
        begin(0.0)
    while events:
        now, _, trial, found, left, done = heapq.heappop(events)
        spent += _seconds(found, left, done)
        if left:
            step, *left = left
            if _goes_on(seen.setdefault(step, []), found.rungs[step], stopping):
                _plan(events, now, trial, found, left, step)
                continue
            study.tell(trial, state=TrialState.PRUNED)
            ended.append((spent, None))
        else:
            study.tell(trial, found.values)
            ended.append((spent, found.values))
        begin(now)
    values = [v if v is not None else (np.nan, np.nan) for _, v in ended]
    own = study.trials[len(start.earlier) :]
    return Search(
        np.array([when for when, _ in ended]),
        hypervolume_history(values, reference_point(UP), UP),
        sum(v is not None for _, v in ended),
        [trial for trial in own if trial.state == TrialState.COMPLETE],
    )


def _goes_on(
    there: list[tuple[float, ...]],
    mine: tuple[float, ...],
    stopping: EarlyStoppingConfig | None,
) -> bool:
    assert stopping is not None  # noqa: S101 - only then are there rungs
    there.append(mine)
    return verdict(there, UP, stopping.reduction, len(there) - 1).goes_on


def _plan(
    events: list[Event],
    now: float,
    trial: optuna.Trial,
    found: RecordedTrial,
    left: list[int],
    done: int,
) -> None:
    event = (now + _seconds(found, left, done), trial.number, trial, found, left, done)
    heapq.heappush(events, event)


def _seconds(found: RecordedTrial, left: Sequence[int], done: int) -> float:
    """To a trial's next rung, or to its end, with the judgement there."""
    until = left[0] if left else STEPS
    training = found.seconds["training"] * (until - done) / STEPS
    return training + found.seconds["rung" if left else "judging"]
