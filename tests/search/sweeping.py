"""Sweeps in processes of their own, and where they are at the moment."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import psutil

from pipeline.search.records import TrialRecord, read_sweep
from pipeline.unlearning.telemetry import read_telemetry

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 400.0

RUNNER = """
import sys
from pathlib import Path
from rich.console import Console
from pipeline.config import load_space
from pipeline.search.live import PlainView
from pipeline.search.sweep import run_sweep

space, folder, resume = load_space(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3] == "resume"
run_sweep(space, folder, resume=resume, view=PlainView(Console(file=sys.stdout)))
"""


class Runner:
    """A sweep in a process of its own, with all it prints in a file.

    Args:
        logs: folder for that file.
        command: what runs the sweep.
        environment: its variables; this process's own if None.
    """

    started: ClassVar[list[Runner]] = []

    def __init__(
        self, logs: Path, command: list[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = logs / f"{time.time_ns()}.log"
        with self.log.open("w") as file:
            self.process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT, env=environment
            )
        self.started.append(self)

    @classmethod
    def without_mlflow(cls, space: Path, folder: Path, verb: str) -> Runner:
        """What `unlearn sweep` and `unlearn resume` run, apart from the mirror."""
        return cls(space.parent, [sys.executable, "-c", RUNNER, str(space), str(folder), verb])

    @classmethod
    def kill_all(cls) -> None:
        """End those that a test has left running."""
        for runner in cls.started:
            runner.process.kill()

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Poll until the condition holds; the sweep must not end before."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            state = f"{self.process.poll()}\n{self.log.read_text()}"
            assert self.process.poll() is None, f"ended before {what}: {state}"
            assert time.monotonic() < deadline, f"timed out before {what}: {state}"
            time.sleep(0.1)

    def end(self) -> str:
        """Wait for the sweep's end; all that it printed."""
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
        return self.log.read_text()


def halfway(folder: Path) -> TrialRecord | None:
    """A trial that has checkpoints and is still training, if there is one now."""
    if not (folder / "sweep.json").exists():
        return None
    for trial in read_sweep(folder).trials:
        checkpoints = list((trial.folder / "checkpoints").glob("step-*"))
        trained = (trial.folder / "weights.safetensors").exists()
        if trial.state == "running" and checkpoints and not trained:
            return trial
    return None


def worker_of(trial: TrialRecord) -> int | None:
    """The process that trains it; None at the moment when one takes it up and signs the lock."""
    found = re.search(r"process (\d+)", (trial.folder / ".lock").read_text())
    return None if found is None else int(found[1])


def wait_for_death(pid: int) -> None:
    """Ray's workers end with the process that started them."""
    deadline = time.monotonic() + PATIENCE
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def mark(trial: TrialRecord) -> None:
    """Change the telemetry's first line: a training that goes on keeps it, a new one doesn't."""
    path = trial.folder / "telemetry.jsonl"
    first, *rest = path.read_text().splitlines()
    marked = json.dumps({**json.loads(first), "marked": 1.0})
    path.write_text("".join(f"{line}\n" for line in (marked, *rest)))


def is_marked(trial: TrialRecord) -> bool:
    return "marked" in read_telemetry(trial.folder / "telemetry.jsonl")[0].values


def finished(folder: Path) -> dict[int, int]:
    """Number of each ended trial -> when its report was written, in ns."""
    return {
        trial.number: (trial.folder / "report.json").stat().st_mtime_ns
        for trial in read_sweep(folder).trials
        if trial.state == "complete"
    }


def wait_until_halfway(runner: Runner, folder: Path) -> TrialRecord:
    """A trial that has been seen halfway; a second look might come too late."""
    seen: list[TrialRecord] = []

    def found() -> bool:
        hit = halfway(folder)
        seen.extend([] if hit is None else [hit])
        return bool(seen)

    runner.wait_for(found, "a trial was halfway")
    return seen[-1]


def wait_for_worker(runner: Runner, folder: Path) -> int:
    """The process id of a worker of this very session that has taken up a trial.

    It may be at its judging: of a trial that goes on, the training that is left can be over within
    two looks.
    """
    seen: list[int] = []

    def found() -> bool:
        running = [trial for trial in read_sweep(folder).trials if trial.state == "running"]
        workers = {worker_of(trial) for trial in running if (trial.folder / ".lock").exists()}
        family = {child.pid for child in psutil.Process(runner.process.pid).children(True)}
        seen.extend(family & workers)
        return bool(seen)

    runner.wait_for(found, "a worker had taken up a trial")
    return seen[-1]
