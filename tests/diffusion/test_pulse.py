"""The watchdog, on processes that really hang."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.diffusion import pulse

HEAD = """
import re, sys, time
from pathlib import Path
from pulse import at_rest, beat, watched
stacks = Path(sys.argv[1])
"""

ASLEEP = """
def in_a_deep_sleep():
    time.sleep(60)
with watched(stacks, 1.5):
    in_a_deep_sleep()
"""

# A regular expression of exponential time never lets another thread of the interpreter run.
HOLDING_THE_INTERPRETER = """
def in_a_deep_sleep():
    re.fullmatch("(a+)+", "a" * 60 + "b")
with watched(stacks, 1.5):
    in_a_deep_sleep()
"""

BEATING = """
with watched(stacks, 1.5):
    for _ in range(20):
        time.sleep(0.1)
        beat()
time.sleep(1.7)  # nobody watches any more
"""

WAITING_FOR_OTHERS = """
with watched(stacks, 1.5):
    with at_rest():
        time.sleep(2)
"""

FAILING = """
try:
    with watched(stacks, 1.5):
        raise ValueError
except ValueError:
    time.sleep(2)
"""

BACK_AT_WORK = """
def in_a_deep_sleep():
    time.sleep(60)
with watched(stacks, 1.5):
    with at_rest():
        time.sleep(2)
    in_a_deep_sleep()
"""


def run(code: str, stacks: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HEAD + code, str(stacks)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        # The module alone: the room around it takes seconds to import.
        env={**os.environ, "PYTHONPATH": str(Path(pulse.__file__).parent)},
    )


@pytest.mark.parametrize("code", [ASLEEP, HOLDING_THE_INTERPRETER, BACK_AT_WORK])
def test_a_process_that_hangs_is_ended_and_its_stack_kept(code: str, tmp_path: Path) -> None:
    assert run(code, tmp_path / "hang.txt").returncode == 1
    assert "in in_a_deep_sleep" in (tmp_path / "hang.txt").read_text()


@pytest.mark.parametrize("code", [BEATING, WAITING_FOR_OTHERS, FAILING])
def test_a_process_that_works_waits_or_fails_is_left_alone(code: str, tmp_path: Path) -> None:
    done = run(code, tmp_path / "hang.txt")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "hang.txt").exists()
