"""A comparison as its folder tells it: read only, without Ray, while it runs or after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Comparison, FinalConfig, Pair, SearchSpace
from pipeline.evaluation.report import Report
from pipeline.search.files import read_json
from pipeline.search.member import chosen_member
from pipeline.search.outcome import Outcome
from pipeline.search.places import COMPARISON, REPORT, SPACE, SWEEP, TIMING
from pipeline.search.records import SweepRecord, TrialRecord, read_sweep


@dataclass(frozen=True)
class FinalRecord:
    """The chosen settings, trained with one seed.

    Attributes:
        seed: of the training.
        folder: where its files lie.
        report: the second judgement; None after a divergence, and until there is one.
        failure: how it diverged; None if it did not.
        seconds: by part, see `timing.json`.
    """

    seed: int
    folder: Path
    report: Report | None
    failure: str | None
    seconds: Mapping[str, float]

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing left to run."""
        return self.report is not None or self.failure is not None


@dataclass(frozen=True)
class PairRecord:
    """A method on a target.

    Attributes:
        pair: their names.
        space: what is searched; without a distribution, nothing is.
        sweep: the search; None before it began, and where nothing is searched.
        chosen: the member of the front that is judged; None until the search has ended.
        finals: one a training seed, in the order of the seeds.
    """

    pair: Pair
    space: SearchSpace
    sweep: SweepRecord | None
    chosen: TrialRecord | None
    finals: tuple[FinalRecord, ...]

    @property
    def is_searched(self) -> bool:
        """Whether there is anything to search."""
        return bool(self.space.distributions)

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to report."""
        return self.sweep is not None or any(final.has_ended for final in self.finals)

    @property
    def is_swept(self) -> bool:
        """Whether the search has ended, or there is none."""
        if not self.is_searched:
            return True
        return self.sweep is not None and self.sweep.status == "finished"

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing left to run: all seeds are judged, or there is nothing to."""
        if self.is_searched and self.is_swept and self.chosen is None:
            return True
        return self.is_swept and all(final.has_ended for final in self.finals)

    @property
    def run_seconds(self) -> list[float]:
        """Seconds of each training that has ended, judged and all."""
        trials = self.sweep.trials if self.sweep is not None else ()
        return [
            *(trial.seconds for trial in trials if trial.seconds is not None),
            *(sum(final.seconds.values()) for final in self.finals if final.has_ended),
        ]

    @property
    def runs_left(self) -> int:
        """Trainings that are still to do."""
        if self.has_ended:
            return 0
        trials = self.sweep.trials if self.sweep is not None else ()
        ended = sum(trial.state != "running" for trial in trials)
        searches = max(self.space.budget.trials - ended, 0) if self.is_searched else 0
        return searches + sum(not final.has_ended for final in self.finals)


@dataclass(frozen=True)
class ComparisonRecord:
    """A comparison.

    Attributes:
        name: of folder and run.
        folder: where it lies.
        created: when it began, ISO 8601.
        final: how the chosen ones are judged.
        pairs: in the order of the file, target by target.
    """

    name: str
    folder: Path
    created: str
    final: FinalConfig
    pairs: tuple[PairRecord, ...]


def sweep_of(folder: Path, pair: Pair) -> Path:
    """Where the search of a pair lies in a comparison's folder."""
    return folder / "sweeps" / pair.name


def final_of(folder: Path, pair: Pair, seed: int) -> Path:
    """Where a last training of a pair lies."""
    return folder / "finals" / pair.name / f"seed-{seed}"


def space_of(folder: Path, pair: Pair) -> Path:
    """Where the search space is kept that a pair began with."""
    return folder / "spaces" / pair.name / SPACE


def read_comparison(comparison: Comparison, folder: Path) -> ComparisonRecord:
    """Read what there is of a comparison.

    Raises:
        ValueError: it has not begun.
    """
    manifest = read_json(folder / COMPARISON)
    if manifest is None:
        raise ValueError(
            f"{folder}: expected a comparison that has begun, found none; run it without --report"
        )
    pairs = tuple(read_pair(comparison, folder, pair) for pair in comparison.spaces)
    created = str(manifest["created"])
    return ComparisonRecord(comparison.name, folder, created, comparison.final, pairs)


def read_pair(comparison: Comparison, folder: Path, pair: Pair) -> PairRecord:
    """Read what there is of a pair."""
    space = comparison.spaces[pair]
    place = sweep_of(folder, pair)
    sweep = read_sweep(place) if (place / SWEEP).is_file() else None
    has_ended = sweep is not None and sweep.status == "finished"
    return PairRecord(
        pair=pair,
        space=space,
        sweep=sweep,
        chosen=chosen_member(sweep) if sweep is not None and has_ended else None,
        finals=tuple(_final(final_of(folder, pair, seed), seed) for seed in comparison.final.seeds),
    )


def _final(folder: Path, seed: int) -> FinalRecord:
    outcome = Outcome.read(folder)
    failure = None if outcome is None else outcome.reason
    is_judged = outcome is not None and failure is None
    seconds = read_json(folder / TIMING) or {}
    report = Report.load(folder / REPORT) if is_judged else None
    return FinalRecord(seed, folder, report, failure, seconds)
