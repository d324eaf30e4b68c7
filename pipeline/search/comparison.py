"""A comparison from its first search to its last training, and on from wherever it was stopped.

Every pair that is to be run is searched and its chosen member judged; then, where `search_again`
asks for it, all of them are searched with the next seed before any is with the one after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Comparison, Pair, SearchSpace, load_space
from pipeline.search.cluster import concurrency, ray_session
from pipeline.search.comparison_claim import begin, check_comparison, claim
from pipeline.search.comparison_progress import (
    Audience,
    WithoutLastWords,
    announcement,
    announcement_again,
    ending,
    time_left,
)
from pipeline.search.comparison_record import (
    PairRecord,
    final_of,
    read_pair,
    searches_again,
    sweep_of,
)
from pipeline.search.finals import put_final, run_finals
from pipeline.search.locking import folder_lock
from pipeline.search.places import ATTEMPT, EXPERIMENT, SWEEP
from pipeline.search.sweep import run_sweep


def run_comparison(
    comparison: Comparison, folder: Path, pairs: Sequence[Pair], audience: Audience
) -> dict[Path, str]:
    """Run what is left of some pairs, one target after the other.

    Args:
        comparison: all of it.
        folder: of the comparison; made if it isn't there.
        pairs: which part to run.
        audience: told of progress.

    Returns:
        Why trainings crashed, by folder; another call tries those again.

    Raises:
        ValueError: a file, a model, a judge or disk space is missing; another process works in the
            folder; what began there had other settings.
        KeyboardInterrupt: Ctrl-C; another call goes on.
    """
    check_comparison(comparison)
    folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(folder):
        claim(comparison, folder)
        if all(read_pair(comparison, folder, pair).has_ended for pair in pairs):
            return {}
        audience.say("starting Ray")
        with ray_session():
            run = _Run(comparison, folder, pairs, audience)
            run.check_machines()
            return run.all()


@dataclass(frozen=True)
class _Run:
    """One call of `run_comparison`."""

    comparison: Comparison
    folder: Path
    pairs: Sequence[Pair]
    audience: Audience

    def check_machines(self) -> None:
        """Refuse what no machine holds before anything runs."""
        for pair in self.pairs:
            self._concurrent(self.comparison.spaces[pair])

    def all(self) -> dict[Path, str]:
        crashed: dict[Path, str] = {}
        for number, pair in enumerate(self.pairs, 1):
            record = self._read(pair)
            if not record.is_judged:
                left = self._time_left(record.space, self.pairs[number - 1 :])
                self.audience.say(announcement(record, number, len(self.pairs), left))
                begin(self.comparison, self.folder, pair)
                if record.is_searched and not record.is_swept:
                    self._sweep(record.space, sweep_of(self.folder, pair))
                crashed |= self._judge(self._read(pair))
                self.audience.pair_ended(pair)
        for pair, again in searches_again([self._read(pair) for pair in self.pairs]):
            left = self._time_left(again.space, ())
            self.audience.say(announcement_again(pair, again, left))
            self._sweep(again.space, again.folder)
            self.audience.pair_ended(pair)
        return crashed

    def _time_left(self, space: SearchSpace, unjudged: Sequence[Pair]) -> float | None:
        """Of the pairs that come, and of all searches with other seeds."""
        records = {each: self._read(each) for each in self.comparison.spaces}
        left = sum(records[pair].runs_left for pair in unjudged)
        left += sum(records[pair].runs_left_again for pair in self.pairs)
        return time_left(records.values(), left, self._concurrent(space))

    def _read(self, pair: Pair) -> PairRecord:
        return read_pair(self.comparison, self.folder, pair)

    def _sweep(self, space: SearchSpace, place: Path) -> None:
        try:
            sweep = run_sweep(
                space,
                place,
                resume=(place / SWEEP).is_file(),
                view=WithoutLastWords(self.audience.open_view()),
                on_change=lambda: self.audience.sweep_changed(place),
            )
        finally:
            self.audience.sweep_ended(place)
        if sweep.status != "finished":
            raise KeyboardInterrupt

    def _judge(self, record: PairRecord) -> dict[Path, str]:
        """Train the chosen settings with every seed that is left."""
        if record.is_judged:
            self.audience.say(f"{record.pair.name}: no trial is complete, so none is judged")
            return {}
        settings = record.space
        if record.chosen is not None:
            self.audience.say(f"{record.pair.name}: trial {record.chosen.number} is chosen")
            settings = load_space(record.chosen.folder / EXPERIMENT)
        left = [final.seed for final in record.finals if not final.has_ended]
        for seed in left:
            # What the kernel has killed since an earlier command was not this training.
            (final_of(self.folder, record.pair, seed) / ATTEMPT).unlink(missing_ok=True)
            put_final(final_of(self.folder, record.pair, seed), settings.fixed(), seed)
        alone = record.space.scaling.model_copy(
            update={"workers": 1, "least_workers": None, "sharded": False}
        )
        crashed = run_finals(
            [final_of(self.folder, record.pair, seed) for seed in left],
            self.comparison.final,
            alone,
            concurrency(alone, record.space.budget.max_concurrent),
            lambda place: self.audience.say(ending(self._read(record.pair), place)),
        )
        for place, reason in crashed.items():
            # Told again at the end, which may be hours away.
            self.audience.say(f"{place} crashed: {reason}")
        return crashed

    def _concurrent(self, space: SearchSpace) -> int:
        return concurrency(space.scaling, space.budget.max_concurrent)
