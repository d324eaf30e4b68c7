"""A comparison as its folder tells it: read only, without Ray, while it runs or after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
class AgainRecord:
    """A pair's search with another seed: nothing of it is judged anew.

    Attributes:
        seed: of the search.
        space: the pair's, but for its name and that seed.
        folder: where it lies.
        sweep: the search; None before it began.
    """

    seed: int
    space: SearchSpace
    folder: Path
    sweep: SweepRecord | None

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing left to run."""
        return self.sweep is not None and self.sweep.status == "finished"

    @property
    def runs_left(self) -> int:
        """Trainings that are still to do."""
        return 0 if self.has_ended else _trials_left(self.space, self.sweep)


@dataclass(frozen=True)
class PairRecord:
    """A method on a target.

    Attributes:
        pair: their names.
        space: what is searched; without a distribution, nothing is.
        sweep: the search; None before it began, and where nothing is searched.
        chosen: the member of the front that is judged; None until the search has ended.
        finals: one a training seed, in the order of the seeds.
        again: its searches with other seeds, in the order of the file.
    """

    pair: Pair
    space: SearchSpace
    sweep: SweepRecord | None
    chosen: TrialRecord | None
    finals: tuple[FinalRecord, ...]
    again: tuple[AgainRecord, ...] = ()

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
        """Whether there is nothing left to run: it is judged, and searched with every seed."""
        return self.is_judged and all(each.has_ended for each in self.again)

    @property
    def is_judged(self) -> bool:
        """Whether all training seeds are judged, or there is nothing to."""
        if self.is_searched and self.is_swept and self.chosen is None:
            return True
        return self.is_swept and all(final.has_ended for final in self.finals)

    @property
    def run_seconds(self) -> list[float]:
        """Seconds of each training that has ended, judged and all."""
        return [
            *(
                trial.seconds
                for sweep in self.sweeps
                for trial in sweep.trials
                if trial.seconds is not None
            ),
            *(sum(final.seconds.values()) for final in self.finals if final.has_ended),
        ]

    @property
    def runs_left(self) -> int:
        """Trainings until it is judged."""
        if self.is_judged:
            return 0
        searches = _trials_left(self.space, self.sweep) if self.is_searched else 0
        return searches + sum(not final.has_ended for final in self.finals)

    @property
    def runs_left_again(self) -> int:
        """Trainings of its searches with other seeds that are still to do."""
        return sum(each.runs_left for each in self.again)

    @property
    def sweeps(self) -> tuple[SweepRecord, ...]:
        """All its searches that have begun, the first one first."""
        found = (self.sweep, *(each.sweep for each in self.again))
        return tuple(sweep for sweep in found if sweep is not None)


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


def searches_again(pairs: Sequence[PairRecord]) -> list[tuple[Pair, AgainRecord]]:
    """The searches with other seeds that have not ended: all of a seed before the next one's."""
    left = [(each.pair, again) for each in pairs for again in each.again if not again.has_ended]
    # In the order of the file, which each pair's own have.
    order = list(dict.fromkeys(again.seed for each in pairs for again in each.again))
    return sorted(left, key=lambda found: order.index(found[1].seed))


def sweep_of(folder: Path, pair: Pair) -> Path:
    """Where the search of a pair lies in a comparison's folder."""
    return folder / "sweeps" / pair.name


def sweep_again_of(folder: Path, pair: Pair, seed: int) -> Path:
    """Where its search with another seed lies."""
    return folder / "sweeps" / pair.name_again(seed)


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
    sweep = _sweep_in(sweep_of(folder, pair))
    has_ended = sweep is not None and sweep.status == "finished"
    return PairRecord(
        pair=pair,
        space=space,
        sweep=sweep,
        chosen=chosen_member(sweep) if sweep is not None and has_ended else None,
        finals=tuple(_final(final_of(folder, pair, seed), seed) for seed in comparison.final.seeds),
        again=tuple(
            AgainRecord(seed, named, place, _sweep_in(place))
            for seed, named in comparison.again[pair].items()
            for place in (sweep_again_of(folder, pair, seed),)
        ),
    )


def _sweep_in(folder: Path) -> SweepRecord | None:
    return read_sweep(folder) if (folder / SWEEP).is_file() else None


def _trials_left(space: SearchSpace, sweep: SweepRecord | None) -> int:
    ended = 0 if sweep is None else sum(trial.state != "running" for trial in sweep.trials)
    return max(space.budget.trials - ended, 0)


def _final(folder: Path, seed: int) -> FinalRecord:
    outcome = Outcome.read(folder)
    failure = None if outcome is None else outcome.reason
    is_judged = outcome is not None and failure is None
    seconds = read_json(folder / TIMING) or {}
    report = Report.load(folder / REPORT) if is_judged else None
    return FinalRecord(seed, folder, report, failure, seconds)
