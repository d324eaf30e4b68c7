"""A comparison in numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.config import Objective
from pipeline.evaluation.intervals import Interval


@dataclass(frozen=True)
class Member:
    """A member of a front: its trial's number, and its objectives' values."""

    trial: int
    values: tuple[float, ...]


@dataclass(frozen=True)
class FinalResult:
    """The chosen settings, trained with one seed.

    Attributes:
        seed: of the training.
        metrics: of the second judge; None after a divergence.
        training_seconds: without synthesis and judging.
        failure: how it diverged.
    """

    seed: int
    metrics: Mapping[str, float] | None
    training_seconds: float | None
    failure: str | None


@dataclass(frozen=True)
class MethodResult:
    """A method on a target.

    Attributes:
        method: its name.
        is_judged: whether its chosen member is, with all training seeds, or there is none.
        has_ended: whether nothing is left to run, searches with other seeds included.
        front: of its first search; empty where nothing was searched.
        hypervolume: that a front covers, mean of its searches; None where nothing was searched.
        hypervolume_interval: 95 %, over the prompts that judged the trials and, if there are
            several, over searches; None where the objectives have no values prompt by prompt.
        searches: hypervolume of each search by its seed: of the first one, and of those with other
            seeds that have ended.
        complete: trials of all searches.
        failed: other ones that have ended.
        sweep_seconds: over all trials.
        chosen: number of the trial whose settings were trained anew.
        settings: that it drew, by dotted path.
        finals: those that have ended, by seed.
        hypervolume_anew: what the chosen member covers by itself, judged anew, mean over training
            seeds; None before the first.
        anew_interval: 95 %, over prompts and, if there are several, training seeds; None where
            there is nothing prompt by prompt.
        anew: the same by training seed.
        means: over the seeds that did not diverge, by metric.
        intervals: 95 %, over those seeds and the prompts.
        differences: what the method has more than the target's baseline, by metric and with 95 %
            intervals, on the same prompts and with the same seeds; empty for the baseline itself.
    """

    method: str
    is_judged: bool
    has_ended: bool
    front: tuple[Member, ...]
    hypervolume: float | None
    hypervolume_interval: Interval | None
    searches: Mapping[int, float]
    complete: int
    failed: int
    sweep_seconds: float
    chosen: int | None
    settings: Mapping[str, Any]
    finals: tuple[FinalResult, ...]
    hypervolume_anew: float | None
    anew_interval: Interval | None
    anew: Mapping[int, float]
    means: Mapping[str, float]
    intervals: Mapping[str, Interval]
    differences: Mapping[str, Interval]

    @property
    def trial_seconds(self) -> float | None:
        """Seconds a trial; None before the first."""
        ended = self.complete + self.failed
        return self.sweep_seconds / ended if ended else None


@dataclass(frozen=True)
class TargetResult:
    """All methods on a target.

    Attributes:
        target: its name.
        concept: what is erased.
        objectives: metric -> direction, in the order of the members' values.
        base: the base model's metrics by the second judge; empty until there is a judgement.
        searched_base: the same by the search's judge, on the search's pictures.
        baseline: the method that the others are compared with: the file's first.
        methods: those that have begun; largest hypervolume first, those that are not searched last.
        waiting: names of those that have not.
    """

    target: str
    concept: Mapping[str, Any]
    objectives: Mapping[str, Objective]
    base: Mapping[str, float]
    searched_base: Mapping[str, float]
    baseline: str
    methods: tuple[MethodResult, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True)
class Results:
    """All of a comparison.

    Attributes:
        comparison: its name.
        created: when it began.
        version: of this package.
        judgement: training seeds, repeats and seed of the second judgement.
        targets: in the order of the file.
    """

    comparison: str
    created: str
    version: str
    judgement: Mapping[str, Any]
    targets: tuple[TargetResult, ...]

    def to_json(self) -> str:
        """As JSON, in which there is no NaN."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"
