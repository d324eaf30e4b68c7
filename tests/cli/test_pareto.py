"""What `unlearn pareto` tells of trials that are not on the front."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.in_process import tell
from tests.tracking.sweeps import SCORES, Sweep


def test_trials_that_were_stopped_early_are_told_with_what_they_were_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whether MLflow is there changes nothing.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    sweep = Sweep(tmp_path / "sweeps" / "tiny", SCORES)
    sweep.prune(sweep.begin())
    told = tell("pareto", "tiny")
    assert told.code == 0, told.err
    assert "3 of 4 complete trials on the front" in told.out
    stopped = "step 10: erasure 0.250, alignment 0.750; step 30: erasure 0.500, alignment 0.750"
    assert f"    4  stopped early: {stopped}" in told.out
