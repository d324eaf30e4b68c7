"""Ray Tune's view of the rungs: each report of a trial there gets its verdict at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

from pipeline.search.rung import RungReport, note_verdict
from pipeline.search.study import SweepStudy


class RungScheduler(FIFOScheduler):  # type: ignore[misc]  # ray is untyped
    """Decides at the rungs which trials go on; the study remembers.

    Tune's own way to stop a trial is to cut its function off inside a report: it leaves no word in
    the trial's folder, and of a trial of several workers it kills the process that drives them. So
    Tune is told that every trial goes on, and the trial reads the verdict and ends itself. Its
    process is then free for the next one.

    Args:
        study: where the rungs' records are kept.
        changed: called after each verdict.
    """

    def __init__(self, study: SweepStudy, changed: Callable[[], None]) -> None:
        super().__init__()
        self._study = study
        self._changed = changed

    def on_trial_result(
        self,
        tune_controller: object,  # noqa: ARG002 - Ray's signature
        trial: Trial,
        result: Mapping[str, Any],
    ) -> str:
        """Decide, where a trial reports from a rung."""
        goes_on: str = self.CONTINUE
        report = RungReport.from_result(result)
        if report is not None:
            said = self._study.enter_rung(int(trial.config["number"]), report)
            note_verdict(Path(trial.config["folder"]), report.rung, said)
            self._changed()
        return goes_on

    def __getstate__(self) -> dict[str, Any]:
        # As the searcher: a resumed sweep makes a new one, and a study has open files.
        return {}
