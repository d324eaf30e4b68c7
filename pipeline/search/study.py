"""The durable study: an Optuna journal beside the trials, asked for proposals and told results.

Optuna's own integrations leave a trial RUNNING for ever when a value is NaN, and record one that
was stopped early as complete. Here NaN and crashes are FAIL and early stops PRUNED: neither is
ever on the front. Legend: a *number* counts a study's trials from 0.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from pipeline.config import SearchSpace
from pipeline.search.distributions import from_optuna, to_optuna, to_params
from pipeline.search.halving import Verdict, verdict
from pipeline.search.outcome import Outcome
from pipeline.search.pareto import front_mask
from pipeline.search.places import STUDY, trial_name
from pipeline.search.priors import Priors, PriorTrial, is_prior
from pipeline.search.rung import RungReport
from pipeline.search.samplers import sampler_for
from pipeline.search.taken import COMPARED, compared_with


@dataclass(frozen=True)
class Proposal:
    """A trial to run: its number, and a value for each distribution of the space."""

    number: int
    values: dict[str, Any]


class SweepStudy:
    """A sweep's study; one process at a time may write to it.

    Args:
        folder: of the sweep; the journal is `study.log` in it, made if it isn't there.
        space: what is searched; the study bears its name.
    """

    def __init__(self, folder: Path, space: SearchSpace) -> None:
        # Relative paths would make the journal's lock a dangling link that nobody ever breaks.
        journal = (folder / STUDY).resolve()
        _mend(journal)
        self.space = space
        self._distributions = to_optuna(space.distributions)
        self._storage = JournalStorage(JournalFileBackend(str(journal)))
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=space.name,
            directions=list(space.objectives.values()),
            sampler=RandomSampler(),
            load_if_exists=True,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study.set_metric_names(list(space.objectives))

    @property
    def remaining(self) -> int:
        """Trials that the budget has left, apart from those that are running."""
        asked = sum(t.state != TrialState.WAITING for t in self._own())
        return max(0, self.space.budget.trials - asked)

    def learn(self, priors: Priors) -> None:
        """Take up the trials of an earlier sweep, those that are not there yet.

        TPE takes them for its own; they are complete, but marked as what they are (`is_prior`).
        """
        there = {t.user_attrs["prior"]["trial"] for t in self._prior_of(priors.sweep)}
        for trial in priors.trials:
            if trial.number not in there:
                mark = {"sweep": priors.sweep, "trial": trial.number}
                self._study.add_trial(
                    optuna.trial.create_trial(
                        params=trial.params,
                        distributions=self._distributions,
                        values=list(trial.values),
                        user_attrs={"prior": mark},
                    )
                )
        self._has_learned(priors.sweep)

    def compare_with(self, sweep: str, trials: Iterable[PriorTrial]) -> None:
        """Take up trials of an earlier sweep as what they are, another concept's.

        The Gaussian process learns from them whatever this study's bear out; they are none of its.
        """
        told = {**compared_with(self._study), sweep: trials}
        kept = {name: [asdict(trial) for trial in each] for name, each in told.items()}
        self._study.set_user_attr(COMPARED, kept)

    @property
    def learned(self) -> list[str]:
        """Earlier sweeps that have been taken up wholly, in either way."""
        return list(self._study.user_attrs.get("learned", []))

    def try_first(self, sweep: str, trials: Iterable[PriorTrial]) -> None:
        """Have the next trials take the settings of an earlier sweep's, those not asked for yet.

        Two earlier sweeps may have the same ones, where the second began with the first one's.
        """
        there = [t.system_attrs.get("fixed_params", t.params) for t in self._own()]
        for trial in trials:
            if not any(_alike(trial.params, settings) for settings in there):
                mark = {"sweep": sweep, "trial": trial.number}
                self._study.enqueue_trial(trial.params, user_attrs={"again_from": mark})
                there.append(trial.params)
        self._has_learned(sweep)

    def begin_with(self, values: Mapping[str, Any]) -> None:
        """Have the first trial take some values; nothing once there is a trial."""
        if not self._own():
            self._study.enqueue_trial(to_params(self.space.distributions, values))

    def ask(self) -> Proposal:
        """A new trial.

        What is proposed depends on the budget, the trial's number, the trials so far and those of
        earlier sweeps, so that a sweep that was interrupted goes on as it would have.
        """
        trials = self._study.get_trials(deepcopy=False)
        # One that waits has its number, and its values, already.
        waiting = (t.number for t in trials if t.state == TrialState.WAITING)
        number = next(waiting, len(trials))
        self._study.sampler = self._sampler_for(number)
        trial = self._study.ask(self._distributions)
        return self._proposal(trial.number, trial.params)

    def interrupted(self) -> list[Proposal]:
        """The trials that were running when the sweep was last stopped, lowest number first."""
        return [
            self._proposal(trial.number, self._complete(trial))
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        ]

    def tell(self, number: int, outcome: Outcome) -> None:
        """End a trial: complete if every objective has a finite value, else failed or pruned."""
        if outcome.stopped_at is not None:
            self._note(number, {"seconds": outcome.seconds})
            self.prune(number, outcome.reason or "stopped early")
            return
        values = outcome.values(self.space.objectives)
        reason = outcome.reason
        if reason is None and not all(map(math.isfinite, values)):
            found = dict(zip(self.space.objectives, values, strict=True))
            reason = f"expected a finite value for every objective, got {found}"
        self._note(number, {"metrics": dict(outcome.metrics), "seconds": outcome.seconds})
        if reason is None:
            self._study.tell(number, values)
        else:
            self._note(number, {"reason": reason})
            self._study.tell(number, state=TrialState.FAIL)

    def prune(self, number: int, reason: str) -> None:
        """End a trial that was stopped early; its low-fidelity values are never on the front."""
        self._note(number, {"reason": reason})
        self._study.tell(number, state=TrialState.PRUNED)

    def enter_rung(self, number: int, report: RungReport) -> Verdict:
        """Whether a trial goes on, by those that have been at its rung; the study remembers.

        Asked again, as of a trial that is run anew, it says the same again.
        """
        told = self.space.objectives
        mine = [report.values.get(name, math.nan) for name in told]
        there: dict[int, list[float]] = {number: mine}
        for trial in self._own():
            for entry in trial.user_attrs.get("rungs", []):
                if entry["rung"] != report.rung:
                    continue
                if trial.number == number:
                    return Verdict(entry["goes_on"], entry["place"], entry["of"])
                there[trial.number] = [entry["values"][name] for name in told]
        rows = sorted(there)
        stopping = self.space.budget.early_stopping
        reduction = len(rows) + 1 if stopping is None else stopping.reduction
        said = verdict(
            [there[row] for row in rows], list(told.values()), reduction, rows.index(number)
        )
        entry = {**asdict(report), **asdict(said), "values": dict(zip(told, mine, strict=True))}
        known = self._storage.get_trial(self._trial_id(number)).user_attrs.get("rungs", [])
        self._note(number, {"rungs": [*known, entry]})
        return said

    def beaten(self) -> list[int]:
        """Numbers of the trials that have ended and are not on the front, and never will be."""
        ended = [t for t in self._own() if t.state.is_finished()]
        complete = [t for t in ended if t.state == TrialState.COMPLETE]
        directions = list(self.space.objectives.values())
        mask = front_mask([t.values for t in complete], directions)
        front = {t.number for t, on_front in zip(complete, mask, strict=True) if on_front}
        return [t.number for t in ended if t.number not in front]

    def _has_learned(self, sweep: str) -> None:
        self._study.set_user_attr("learned", [*self.learned, sweep])

    def _own(self) -> list[FrozenTrial]:
        return [t for t in self._study.get_trials(deepcopy=False) if not is_prior(t)]

    def _prior_of(self, sweep: str) -> list[FrozenTrial]:
        trials = filter(is_prior, self._study.get_trials(deepcopy=False))
        return [trial for trial in trials if trial.user_attrs["prior"]["sweep"] == sweep]

    def _proposal(self, number: int, params: Mapping[str, Any]) -> Proposal:
        self._note(number, {"folder": trial_name(number)})
        return Proposal(number, from_optuna(self.space.distributions, params))

    def _complete(self, frozen: FrozenTrial) -> dict[str, Any]:
        """The trial's parameters, drawn now where the process died before they were written."""
        if frozen.params.keys() >= self._distributions.keys():
            return frozen.params
        self._study.sampler = self._sampler_for(frozen.number)
        trial = Trial(self._study, self._trial_id(frozen.number))
        return {name: _suggest(trial, name, d) for name, d in self._distributions.items()}

    def _sampler_for(self, number: int) -> BaseSampler:
        objectives = len(self.space.objectives)
        earlier = list(compared_with(self._study).values())
        return sampler_for(self.space.budget, number, self._distributions, objectives, earlier)

    def _note(self, number: int, attributes: Mapping[str, Any]) -> None:
        trial_id = self._trial_id(number)
        known = self._storage.get_trial(trial_id).user_attrs
        for key, value in attributes.items():
            if key not in known or known[key] != value:
                self._storage.set_trial_user_attr(trial_id, key, value)

    def _trial_id(self, number: int) -> int:
        study_id = self._storage.get_study_id_from_name(self._study.study_name)
        return self._storage.get_trial_id_from_study_id_trial_number(study_id, number)


def _alike(some: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether settings are the same but for the last bits."""
    return some.keys() == other.keys() and all(
        math.isclose(value, other[name], rel_tol=1e-9, abs_tol=1e-12)
        if isinstance(value, float) and isinstance(other[name], float)
        else value == other[name]
        for name, value in some.items()
    )


def load_study(folder: Path, name: str) -> optuna.Study:
    """The study of a sweep's folder, to read only.

    Raises:
        KeyError: the journal holds no study of that name.
        ValueError: it is damaged.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal = (folder / STUDY).resolve()
    try:
        storage = JournalStorage(JournalFileBackend(str(journal)))
        return optuna.load_study(study_name=name, storage=storage, sampler=RandomSampler())
    # Lines that are no JSON, or none of a journal's. An unknown study is a KeyError with its name.
    except (ValueError, TypeError, AttributeError, RecursionError, AssertionError) as error:
        raise ValueError(
            f"{journal}: expected the journal of a study, got lines that are none of one; put the "
            "file back, or start a new sweep"
        ) from error


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> Any:
    match distribution:
        case FloatDistribution():
            return trial.suggest_float(
                name, distribution.low, distribution.high, log=distribution.log
            )
        case IntDistribution():
            return trial.suggest_int(
                name, distribution.low, distribution.high, log=distribution.log
            )
        case CategoricalDistribution():
            return trial.suggest_categorical(name, distribution.choices)
        case _:
            raise TypeError(f"expected a float, an int or a choice, got {distribution}")


def _mend(journal: Path) -> None:
    """Undo what a killed writer left: half a line at the journal's end, and its lock.

    The next line would be glued to the half one, and the journal unreadable from there on.
    """
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
    if not journal.exists():
        return
    with journal.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)
