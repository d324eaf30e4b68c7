"""What a sweep has taken from each earlier one, in its study's own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import optuna
from optuna.trial import TrialState

from pipeline.config import SearchSpace
from pipeline.config.user_path import without_machine
from pipeline.search.priors import PriorTrial, differ

COMPARED: Final = "compared"
"""The study's attribute that holds earlier sweeps' trials, which are another concept's."""


@dataclass(frozen=True)
class Taken:
    """What one earlier sweep gave.

    Attributes:
        tried: settings of its front that were among the sweep's first trials.
        known: its trials that the sampler may learn from, once it proposes.
    """

    tried: int
    known: int

    def in_words(self, sweep: str) -> str:
        """For anybody to read; of a path on this machine its end alone."""
        parts = []
        if self.tried:
            parts.append(f"{_counted(self.tried, 'setting')} of its front tried first")
        if self.known:
            parts.append(f"{_counted(self.known, 'trial')} to learn from")
        return f"from {without_machine(sweep)}: {', '.join(parts) or 'nothing'}"


def compared_with(study: optuna.Study) -> dict[str, list[PriorTrial]]:
    """Earlier sweep -> its trials that the Gaussian process may learn from."""
    told: Mapping[str, list[dict[str, object]]] = study.user_attrs.get(COMPARED, {})
    return {
        sweep: [PriorTrial.from_json(trial) for trial in trials] for sweep, trials in told.items()
    }


def taken_by(study: optuna.Study, space: SearchSpace) -> dict[str, Taken]:
    """Earlier sweep -> what was taken from it, in the order of the study."""
    sampler = space.budget.sampler_of(len(space.objectives))
    trials = [t for t in study.get_trials(deepcopy=False) if t.state != TrialState.WAITING]
    tried, own = (
        Counter(t.user_attrs[mark]["sweep"] for t in trials if mark in t.user_attrs)
        for mark in ("again_from", "prior")
    )
    compared = compared_with(study)
    related = {sweep: len(trials) for sweep, trials in compared.items() if differ(trials)}
    known = {"gp": related, "tpe": own}.get(sampler, {})
    return {
        sweep: Taken(tried[sweep], known.get(sweep, 0)) for sweep in {**tried, **own, **compared}
    }


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
