"""Ray Tune's view of the study: a thin searcher over ask and tell."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ray.tune.search import Searcher

from pipeline.config import ConfigError, dump_experiment
from pipeline.search.distributions import flatten
from pipeline.search.files import write_json, write_text
from pipeline.search.outcome import Outcome
from pipeline.search.places import ATTEMPT, ERROR, EXPERIMENT, HANG, PARAMS, WEIGHTS, trial_name
from pipeline.search.study import Proposal, SweepStudy

_FULL_BELOW: Final = 32 * 2**20
_FULL_WORDS: Final = "No space left on device"


class StudySearcher(Searcher):  # type: ignore[misc]  # ray is untyped
    """Hands out interrupted trials first, then new ones, up to the study's budget.

    Args:
        study: source of proposals, keeper of results.
        folder: the sweep's.
        max_concurrent: trials at a time.
        changed: called after a trial began or ended.

    Attributes:
        disk_is_full: whether that has ended a trial; no other one is handed out then.
    """

    disk_is_full = False

    def __init__(
        self, study: SweepStudy, folder: Path, max_concurrent: int, changed: Callable[[], None]
    ) -> None:
        super().__init__(metric=None, mode=None)
        self._study = study
        self._folder = folder
        self.max_concurrent = max_concurrent
        self._changed = changed
        self._numbers: dict[str, int] = {}
        self._interrupted: deque[Proposal] = deque()
        for proposal in study.interrupted():
            # Killed between its last file and the study's last line, it isn't run again.
            trial = folder / trial_name(proposal.number)
            outcome = Outcome.read(trial)
            if outcome is None:
                # What the kernel has killed since the sweep was interrupted was not this trial.
                (trial / ATTEMPT).unlink(missing_ok=True)
                self._interrupted.append(proposal)
            else:
                study.tell(proposal.number, outcome)

    @property
    def planned(self) -> int:
        """Trials still to hand out."""
        return len(self._interrupted) + self._study.remaining

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial's folder; None while enough are running; FINISHED after the last."""
        finished: str = Searcher.FINISHED
        if self.disk_is_full:
            return finished
        if len(self._numbers) >= self.max_concurrent:
            return None
        while self._interrupted or self._study.remaining:
            proposal = self._interrupted.popleft() if self._interrupted else self._study.ask()
            folder = self._folder / trial_name(proposal.number)
            try:
                self._write(folder, proposal)
            except ConfigError as error:
                self._study.tell(proposal.number, Outcome({}, str(error), None))
                self._changed()
                continue
            self._numbers[trial_id] = proposal.number
            self._changed()
            return {"folder": str(folder), "number": proposal.number, "issued": time.time()}
        return finished

    def on_trial_complete(
        self,
        trial_id: str,
        result: Mapping[str, Any] | None = None,
        error: bool = False,  # noqa: FBT001, FBT002 - Ray's signature
    ) -> None:
        """Tell the study how a trial ended; one that was only interrupted stays running.

        What a full disk ended is no failure of the trial: it goes on from its last checkpoint once
        there is room, and so would all later ones end.
        """
        number = self._numbers.pop(trial_id, None)
        if number is None:
            return
        folder = self._folder / trial_name(number)
        outcome = Outcome.from_result(result) or Outcome.read(folder)
        if outcome is None and error:
            last_words = _last_words(folder)
            if _FULL_WORDS in last_words or is_full(folder):
                self.disk_is_full = True
                return
            outcome = Outcome({}, last_words, None)
        if outcome is not None:
            self._study.tell(number, outcome)
            self._drop_weights()
            self._changed()

    def _drop_weights(self) -> None:
        if self._study.space.budget.keep_weights == "front":
            for number in self._study.beaten():
                (self._folder / trial_name(number) / WEIGHTS).unlink(missing_ok=True)

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Nothing: what a trial reports before its end is for the scheduler."""

    def set_max_concurrency(self, max_concurrent: int) -> bool:  # noqa: ARG002
        """The searcher keeps to its own limit."""
        return True

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study is on disk already."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a resumed sweep opens the study anew."""

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles searchers to restore them later; we never do, and a study has open files.
        return {}

    def _write(self, folder: Path, proposal: Proposal) -> None:
        experiment = self._study.space.fill(proposal.values)
        write_text(folder / EXPERIMENT, dump_experiment(experiment))
        write_json(folder / PARAMS, flatten(proposal.values))


def is_full(folder: Path) -> bool:
    """Whether the disk of a folder has no room for a checkpoint any more."""
    return shutil.disk_usage(folder).free < _FULL_BELOW


def _last_words(folder: Path) -> str:
    try:
        lines = (folder / ERROR).read_text(encoding="utf-8").strip().splitlines()
    except FileNotFoundError:
        lines = []
    if lines:
        return lines[-1]
    hung = sorted(path.name for path in folder.glob(HANG.format("*")) if path.stat().st_size)
    if hung:
        return (
            "its worker made no progress for scaling.hang_minutes, again and again; where it was "
            f"is in {', '.join(hung)}; raise the minutes if it is only slow"
        )
    return "its worker died, and died again when it was run anew"
