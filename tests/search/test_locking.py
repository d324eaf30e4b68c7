"""Locks between real processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.search.locking import FolderInUseError, folder_lock

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.search.locking import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def hold(folder: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(folder), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    with hold(tmp_path, 60) as process:
        with (
            pytest.raises(FolderInUseError, match=f"process {process.pid} on"),
            folder_lock(tmp_path),
        ):
            pass
        process.kill()


def test_a_killed_holder_leaves_the_folder_free(tmp_path: Path) -> None:
    with hold(tmp_path, 60) as process:
        process.kill()
    with folder_lock(tmp_path):
        pass


def test_waiting_outlasts_a_holder_that_ends(tmp_path: Path) -> None:
    start = time.monotonic()
    with hold(tmp_path, 1), folder_lock(tmp_path, wait=30):
        assert 0.5 < time.monotonic() - start < 30
