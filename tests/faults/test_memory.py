"""A trial that the kernel kills as memory ran out: half the rows, then advice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.search.files import read_json
from pipeline.search.outcome import Outcome
from tests.faults.memory_limit import memory_limit
from tests.search.spaces import put_trial, smoke_space

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

# As a worker of Ray's does it, which is gone with the kill.
ATTEMPT = """
import sys, time
from pathlib import Path
from pipeline.config import load_space
from pipeline.diffusion import Store
from pipeline.search.shortage import take_up
from pipeline.search.trial import run_trial

folder, store = Path(sys.argv[1]), Path(sys.argv[2])
if take_up(folder, load_space(folder / "experiment.yaml").fixed()) is None:
    run_trial(folder, Store(store), time.time())
"""

ENOUGH_FOR_HALF = 2400 * 10**6
"""Bytes. A step on all 1,024 rows takes 3.0 GB, one on half of them 1.9 GB."""

TOO_LITTLE = 1200 * 10**6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = {"forget_batch": 1024, "retain_batch": 1024, "steps": {"int_uniform": [1, 2]}}
    space = smoke_space(update={**rows, "precision": "fp32"})
    return put_trial(tmp_path / "trials" / "0000", space)


def attempt(folder: Path, limit: int) -> int:
    """The exit code of a process that takes the trial up."""
    command = [sys.executable, "-c", ATTEMPT, str(folder), str(folder.parents[1] / "cache")]
    with memory_limit(limit) as limited:
        ended = subprocess.run([*limited, *command], capture_output=True, text=True, check=False)
    assert ended.returncode in (0, -9), ended.stderr
    return ended.returncode


def test_a_trial_that_the_kernel_kills_is_run_again_with_half_the_rows(folder: Path) -> None:
    assert attempt(folder, ENOUGH_FOR_HALF) == -9
    assert Outcome.read(folder) is None
    assert not (folder / "error.txt").exists()
    assert attempt(folder, ENOUGH_FOR_HALF) == 0
    assert read_json(folder / "shortage.json") == {"halved": ["training"]}
    outcome = Outcome.read(folder)
    assert outcome is not None
    assert outcome.reason is None
    assert "erasure" in outcome.metrics


def test_a_trial_that_is_killed_again_has_failed_with_advice(folder: Path) -> None:
    assert attempt(folder, TOO_LITTLE) == -9
    assert attempt(folder, TOO_LITTLE) == -9
    assert attempt(folder, TOO_LITTLE) == 0
    outcome = Outcome.read(folder)
    assert outcome is not None
    assert outcome.reason is not None
    assert "with half the rows at a time too" in outcome.reason
    assert "raise update.accumulate" in outcome.reason
