"""A trial whose disk stops answering is ended by its watchdog, and goes on in the next process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from pipeline.config import dump_experiment
from pipeline.diffusion import Store
from pipeline.search.outcome import Outcome
from pipeline.search.searcher import StudySearcher
from pipeline.search.study import SweepStudy
from pipeline.search.trial import run_trial
from tests.search.spaces import put_trial, smoke_space, values

TRIAL = """
import sys, time
from pathlib import Path
from pipeline.config import load_space
from pipeline.diffusion import Store
from pipeline.search.trial import run_trial
from pipeline.search.unlearned import base_model

folder, store = Path(sys.argv[1]), Path(sys.argv[2])
base_model(load_space(folder / "experiment.yaml").fixed())  # while nobody watches
run_trial(folder, Store(store), time.time())
"""


def test_a_trial_that_hangs_is_ended_and_goes_on_where_it_was(tmp_path: Path) -> None:
    impatient = smoke_space(scaling={"hang_minutes": 0.1})
    folder, store = put_trial(tmp_path / "trials" / "0000", impatient), tmp_path / "cache"
    # Opening a pipe that nobody reads waits for ever, as does a file on a dead network disk.
    os.mkfifo(folder / "telemetry.jsonl")
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", TRIAL, str(folder), str(store)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert time.monotonic() - began < 200
    assert "telemetry.py" in (folder / "hang-0.txt").read_text()
    assert Outcome.read(folder) is None

    (folder / "telemetry.jsonl").unlink()
    patient = smoke_space().fill(values(smoke_space()))
    (folder / "experiment.yaml").write_text(dump_experiment(patient))
    assert run_trial(folder, Store(store), time.time()).reason is None
    assert "telemetry.py" in (folder / "hang-0.txt").read_text()  # kept, for who asks why


def test_a_trial_that_hangs_again_and_again_has_failed_with_advice(tmp_path: Path) -> None:
    searcher = StudySearcher(SweepStudy(tmp_path, smoke_space()), tmp_path, 1, lambda: None)
    config = searcher.suggest("a")
    assert isinstance(config, dict)
    (Path(config["folder"]) / "hang-0.txt").write_text("Timeout (0:30:00)!\n")
    searcher.on_trial_complete("a", error=True)
    reason = (tmp_path / "study.log").read_text()
    assert "scaling.hang_minutes" in reason
    assert "hang-0.txt" in reason
