"""A trial that Ray's own memory monitor kills."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from pipeline.config import dump_space
from pipeline.search.files import read_json
from tests.faults.sweeps import NAME, assert_nothing_lost
from tests.search.spaces import smoke_space
from tests.search.sweeping import Runner

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

# The first attempt takes all the memory that Ray allows; the next one is a trial like any other.
GREEDY = """
import sys, time
from pathlib import Path
from rich.console import Console
from pipeline.config import load_space
from pipeline.search.driver import drive_trial
from pipeline.search.live import PlainView
from pipeline.search.sweep import run_sweep

def drive(config):
    folder = Path(config["folder"])
    if not (folder / "attempt.json").exists():
        from pipeline.config import load_space
        from pipeline.search.shortage import take_up
        assert take_up(folder, load_space(folder / "experiment.yaml").fixed()) is None
        taken = []
        for _ in range(60):
            taken.append(bytearray(b"1") * (100 * 2**20))
            time.sleep(0.1)
        time.sleep(30)
        raise AssertionError("nobody killed it")
    drive_trial(config)

space, folder = load_space(Path(sys.argv[1])), Path(sys.argv[2])
run_sweep(space, folder, resume=False, view=PlainView(Console(file=sys.stdout)), drive=drive)
"""

ROOM = 3 * 10**9
"""Bytes above what the machine's processes have now; the sweep's own take a third of them."""


def test_a_trial_that_ray_kills_for_memory_is_run_again_with_half_the_rows(tmp_path: Path) -> None:
    memory = psutil.virtual_memory()
    if memory.available < 2 * ROOM:
        pytest.skip("needs 6 GB of free memory")
    threshold = (memory.total - memory.available + ROOM) / memory.total
    source, folder = tmp_path / "space.yaml", tmp_path / "sweeps" / NAME
    source.write_text(dump_space(smoke_space(budget={"trials": 1})))
    settings = {"RAY_memory_usage_threshold": f"{threshold:.4f}", "UNLEARN_HOME": str(tmp_path)}
    command = [sys.executable, "-c", GREEDY, str(source), str(folder)]
    sweep = Runner(tmp_path, command, {**os.environ, **settings})
    text = sweep.end()
    assert sweep.process.returncode == 0, text
    assert_nothing_lost(folder, 1, {})
    trial = folder / "trials" / "0000"
    assert read_json(trial / "shortage.json") == {"halved": ["training"]}
