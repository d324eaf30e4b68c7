"""A sweep as its folder tells it: read only, without Ray, while it runs or after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

import optuna
from optuna.trial import FrozenTrial, TrialState

from pipeline.config import Objective, SearchSpace, load_space
from pipeline.config.problems import quote
from pipeline.search.distributions import flatten, from_optuna
from pipeline.search.files import read_json
from pipeline.search.places import BASE, SPACE, STUDY, SWEEP, trial_name
from pipeline.search.priors import is_prior
from pipeline.search.study import load_study
from pipeline.search.taken import Taken, taken_by

TrialStatus = Literal["running", "complete", "failed", "pruned"]
SweepStatus = Literal["running", "finished", "interrupted"]

_STATES: Final[dict[TrialState, TrialStatus]] = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.FAIL: "failed",
    TrialState.PRUNED: "pruned",
}


@dataclass(frozen=True)
class RungRecord:
    """A trial at a rung, where it might have been stopped early.

    Attributes:
        step: of its training, after which it was judged on a few prompts.
        values: the objectives, by name.
        goes_on: whether it did.
    """

    step: int
    values: dict[str, float]
    goes_on: bool


@dataclass(frozen=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: in the order in which trials were proposed; from 0, see `SweepRecord.trials`.
        state: where it stands; the last session's trials are `running` after a crash too.
        params: dotted path -> drawn value; a simplex at `path` as `path.NAME` -> share.
        values: the objectives, in the sweep's order; None unless complete.
        metrics: of its report.
        folder: where its files lie.
        reason: why it failed or was stopped.
        seconds: that it took.
        rungs: where it might have been stopped early, in the order of the steps.
    """

    number: int
    state: TrialStatus
    params: dict[str, Any]
    values: tuple[float, ...] | None
    metrics: dict[str, float]
    folder: Path
    reason: str | None
    seconds: float | None
    rungs: tuple[RungRecord, ...] = ()

    @property
    def stopped_at(self) -> int | None:
        """The step after which it was stopped early; None unless it was."""
        return self.rungs[-1].step if self.state == "pruned" and self.rungs else None


@dataclass(frozen=True)
class SweepRecord:
    """One sweep.

    Attributes:
        name: of sweep and study.
        folder: where it lies.
        space: what is searched.
        objectives: metric -> direction, in the order of the trials' values.
        base_metrics: the base model's, on the same prompts and seeds; empty until it is judged.
        trials: by number; where an earlier sweep's were taken for its own, they have the first
            numbers and are not among these.
        status: `running` after a crash too, until it is resumed.
        taken: earlier sweep -> what this one has taken from it.
    """

    name: str
    folder: Path
    space: SearchSpace
    objectives: dict[str, Objective]
    base_metrics: dict[str, float]
    trials: tuple[TrialRecord, ...]
    status: SweepStatus
    taken: dict[str, Taken] = field(default_factory=dict)


def read_sweep(folder: Path) -> SweepRecord:
    """Read a sweep's folder once.

    Raises:
        ValueError: there is no sweep in it.
    """
    return SweepReader(folder).read()


class SweepReader:
    """Reads a sweep's folder again and again, at the cost of what is new in it.

    Of a journal of a thousand trials all lines would be parsed after each trial, and all spaces.

    Args:
        folder: of the sweep; it need not be there before the first `read`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._study: optuna.Study | None = None
        self._ended: dict[int, TrialRecord] = {}
        self._space: tuple[int, SearchSpace] | None = None

    def read(self) -> SweepRecord:
        """The sweep as it is now.

        Raises:
            ValueError: there is no sweep in the folder, or its files are damaged.
        """
        folder = self._folder
        manifest = read_json(folder / SWEEP)
        if manifest is None:
            raise ValueError(
                f"{folder}: expected a sweep (a folder with {SWEEP}), found {_instead(folder)}"
            )
        space = self._read_space()
        name, status = manifest.get("name"), manifest.get("status")
        if name != space.name or status not in get_args(SweepStatus):
            raise ValueError(
                f"{folder / SWEEP}: expected the name {space.name} and a status of "
                f"{', '.join(get_args(SweepStatus))}, got {quote(name)} and {quote(status)}; put "
                "the file back, or start a new sweep"
            )
        return SweepRecord(
            name=space.name,
            folder=folder,
            space=space,
            objectives=space.objectives,
            base_metrics=(read_json(folder / BASE) or {}).get("metrics", {}),
            trials=self._read_trials(space, space.name),
            status=cast("SweepStatus", status),
            taken={} if self._study is None else taken_by(self._study, space),
        )

    def _read_space(self) -> SearchSpace:
        # Its budget changes when the sweep is resumed: the file is then another one.
        path = self._folder / SPACE
        version = path.stat().st_mtime_ns if path.exists() else 0
        if self._space is None or self._space[0] != version:
            self._space = (version, load_space(path))
        return self._space[1]

    def _read_trials(self, space: SearchSpace, name: str) -> tuple[TrialRecord, ...]:
        if self._study is None:
            if not (self._folder / STUDY).exists():
                return ()  # reading would create the journal
            try:
                self._study = load_study(self._folder, name)
            except KeyError:
                return ()  # the process was killed between making the journal and its first line
        return tuple(
            self._read_trial(space, trial)
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state in _STATES and not is_prior(trial)
        )

    def _read_trial(self, space: SearchSpace, trial: FrozenTrial) -> TrialRecord:
        known = self._ended.get(trial.number)
        if known is None:
            known = _trial(self._folder, space, trial)
            if known.state != "running":  # nothing is noted of a trial after its end
                self._ended[trial.number] = known
        return known


def _trial(folder: Path, space: SearchSpace, trial: FrozenTrial) -> TrialRecord:
    state = _STATES[trial.state]
    notes: Mapping[str, Any] = trial.user_attrs
    try:
        params = flatten(from_optuna(space.distributions, trial.params))
    except KeyError:
        params = {}  # proposed at this moment, or the process died while it was
    return TrialRecord(
        number=trial.number,
        state=state,
        params=params,
        values=tuple(trial.values) if state == "complete" else None,
        metrics=dict(notes.get("metrics", {})),
        folder=folder / notes.get("folder", trial_name(trial.number)),
        reason=notes.get("reason"),
        seconds=notes.get("seconds"),
        rungs=tuple(
            RungRecord(entry["step"], dict(entry["values"]), entry["goes_on"])
            for entry in notes.get("rungs", ())
        ),
    )


def _instead(folder: Path) -> str:
    if not folder.exists():
        parent = folder.parent
        sweeps = sorted(path.parent.name for path in parent.glob(f"*/{SWEEP}"))
        known = f"; there are {', '.join(sweeps)}" if sweeps else ""
        return f"no such folder{known}"
    return "none; name a sweep, or start one with `unlearn sweep FILE`"
