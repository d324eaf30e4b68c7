"""Processes of a trial that are killed -9: while they judge, and the driver of a worker group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.diffusion import Store
from pipeline.search.outcome import Outcome
from pipeline.search.places import home
from pipeline.search.trial import run_trial
from tests.faults.sweeps import NAME, assert_nothing_lost, long_space, start
from tests.search.spaces import put_trial, smoke_space
from tests.search.sweeping import is_marked, mark, wait_for_death, wait_until_halfway, worker_of
from tests.search.test_hang import TRIAL

PATIENCE = 120.0


def test_a_trial_that_is_killed_while_judging_ends_with_what_an_undisturbed_one_reports(
    tmp_path: Path,
) -> None:
    space = smoke_space(evaluation={"batch": 1})
    folder, store = put_trial(tmp_path / "trials" / "0000", space), tmp_path / "cache"
    trial = subprocess.Popen([sys.executable, "-c", TRIAL, str(folder), str(store)])
    try:
        deadline = time.monotonic() + PATIENCE
        while len(drawn(folder)) < 3:
            assert trial.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        trial.kill()
        trial.wait()
    assert Outcome.read(folder) is None
    weights = (folder / "weights.safetensors").read_bytes()

    outcome = run_trial(folder, Store(store), time.time())
    assert outcome.reason is None
    assert (folder / "weights.safetensors").read_bytes() == weights
    assert not (folder / "pictures").exists()
    whole = put_trial(tmp_path / "trials" / "0001", space)
    assert run_trial(whole, Store(store), time.time()).metrics == outcome.metrics


def drawn(folder: Path) -> list[Path]:
    """Pictures of the judged model that are there."""
    return list((folder / "pictures").rglob("*.safetensors"))


@pytest.mark.faults
@pytest.mark.timeout(1200)
def test_a_worker_group_whose_driver_is_killed_goes_on_in_another_one(tmp_path: Path) -> None:
    """Killed -9 is what started the workers; they must end, and the next ones go on."""
    folder = tmp_path / "sweeps" / NAME
    space = long_space(trials=1, scaling={"workers": 2, "cpus_per_worker": 1})
    sweep = start(tmp_path, home(), space)
    hit = wait_until_halfway(sweep, folder)
    worker = worker_of(hit)
    assert worker is not None
    (driver,) = (
        process.pid
        for process in psutil.Process(sweep.process.pid).children(recursive=True)
        if "ImplicitFunc" in " ".join(process.cmdline())
    )
    assert driver != worker
    os.kill(driver, signal.SIGKILL)
    wait_for_death(worker)
    mark(hit)
    text = sweep.end()
    assert sweep.process.returncode == 0, text
    assert_nothing_lost(folder, 1, {})
    assert is_marked(hit), "it was begun anew"
