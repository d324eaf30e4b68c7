"""What a sweep of a thousand trials costs beside its trials, and how that grows.

Run `python benchmarks/load.py --trials 1000`: a real searcher (TPE), real Ray Tune with two
workers, and MLflow on SQLite, as `unlearn sweep` runs them; only training and judging are left out.
A trial leaves the files of a real one, trained and judged once at the start, with objectives that
are a function of its parameters. One row each time the count of ended trials has grown by a tenth:
seconds a trial since the row before, and what the driver held then. `--home` keeps the sweep.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from ray import tune
from rich.console import Console

from pipeline.config import load_space
from pipeline.search.files import read_json, write_json
from pipeline.search.live import PlainView
from pipeline.search.outcome import Outcome
from pipeline.search.places import (
    GALLERY,
    PARAMS,
    REPORT,
    SWEEP,
    TELEMETRY,
    TIMING,
    home,
    sweeps_folder,
    trial_name,
)
from pipeline.search.records import SweepRecord
from pipeline.search.sweep import run_sweep
from pipeline.tracking.mirror import LEDGER, Mirror

SMOKE = Path(__file__).parents[1] / "search_spaces" / "smoke.yaml"
ROWS = 10
MEBI = 2**20


def instant_trial(config: dict[str, Any]) -> None:
    """Leave in a trial's folder what the template's trial left, with objectives of its own."""
    folder = Path(config["folder"])
    template = sweeps_folder() / "template" / trial_name(0)
    for name in (TELEMETRY, TIMING, GALLERY):
        shutil.copyfile(template / name, folder / name)
    report = read_json(template / REPORT) or {}
    report["metrics"] |= objectives(read_json(folder / PARAMS) or {})
    write_json(folder / REPORT, report)
    outcome = Outcome.read(folder)
    assert outcome is not None  # noqa: S101 - its report was just written
    tune.report(outcome.as_result())


def objectives(params: dict[str, Any]) -> dict[str, float]:
    """Erasure that grows with the learning rate, and alignment that falls with it, with noise."""
    noise = random.Random(json.dumps(params)).gauss(0, 0.02)  # noqa: S311 - nothing secret
    rate = math.log(params["update.learning_rate"] / 5e-5) / math.log(10)
    kept = params["prompts.retain_mix.neighbours"]
    waste = 0.1 if params["update.restriction"] == "none" else 0.0
    return {
        "erasure": math.tanh(0.5 + 2 * rate) - waste,
        "alignment": 1 - 0.3 * rate**2 - 0.2 * (kept - 0.3) ** 2 - waste + noise,
    }


@dataclasses.dataclass(frozen=True)
class Reading:
    """What was seen when so many trials had ended.

    Attributes:
        ended: trials.
        seconds: since the first reading.
        cpu_seconds: that the driver, with searcher, Tune's loop and mirror in it, has computed.
        driver_bytes: that it holds.
        mirrored: trials of which MLflow knows.
    """

    ended: int
    seconds: float
    cpu_seconds: float
    driver_bytes: int
    mirrored: int


class Watch:
    """The view of a sweep whose output is a file, and which looks at the clock meanwhile.

    Args:
        folder: of the sweep.
        lines: where the view's lines go.
        every: trials between two readings.
    """

    def __init__(self, folder: Path, lines: Console, every: int) -> None:
        self.readings: list[Reading] = []
        self._folder, self._every = folder, every
        self._view = PlainView(lines)
        self._began = time.monotonic()
        self._process = psutil.Process()

    def prepare(self, part: str, done: int, total: int) -> None:
        """Not timed."""
        self._view.prepare(part, done, total)

    def show(self, sweep: SweepRecord, concurrent: int) -> None:
        """Read clock and memory at every so many trials."""
        self._view.show(sweep, concurrent)
        ended = sum(trial.state != "running" for trial in sweep.trials)
        due = self.readings[-1].ended + self._every if self.readings else 0
        if ended < due:
            return
        if not self.readings:
            self._began = time.monotonic()
        self.readings.append(
            Reading(
                ended,
                time.monotonic() - self._began,
                time.process_time(),
                self._process.memory_info().rss,
                len((read_json(self._folder / LEDGER) or {}).get("trials", {})),
            )
        )
        print(self.readings[-1], flush=True)

    def close(self, sweep: SweepRecord | None) -> None:
        """See `View`."""
        self._view.close(sweep)


def sweep(name: str, overrides: list[str], watch: Callable[[Path], Any], **how: Any) -> Mirror:
    """Run a sweep as `unlearn sweep` does, its mirror included; returns the mirror, still open."""
    space = load_space(SMOKE, [f"name={name}", *overrides])
    folder = sweeps_folder() / name
    mirror = Mirror(folder)

    def changed() -> None:
        mirror.start()
        mirror.wake()

    run_sweep(space, folder, resume=False, view=watch(folder), on_change=changed, **how)
    return mirror


def main() -> None:
    """Run the sweep and print the table."""
    parser = argparse.ArgumentParser(description="See the head of this file.")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    where = options.home or Path(tempfile.mkdtemp(prefix="load-"))
    where.mkdir(parents=True, exist_ok=True)
    os.environ["UNLEARN_HOME"] = str(where)
    try:
        measure(options.trials)
    finally:
        if options.home is None:
            shutil.rmtree(where)


def measure(trials: int) -> None:
    """Run one real trial, then `trials` instant ones, and say what they cost."""
    with (home() / "lines.txt").open("w") as file:
        lines = Console(file=file)
        sweep("template", ["budget.trials=1"], lambda _: PlainView(lines)).close()
        watches: list[Watch] = []

        def watch(folder: Path) -> Watch:
            watches.append(Watch(folder, lines, max(trials // ROWS, 1)))
            return watches[0]

        overrides = [f"budget.trials={trials}", "budget.sampler=tpe"]
        mirror = sweep("load", overrides, watch, drive=instant_trial)
    began = time.monotonic()
    backlog = mirror.close(timeout=3600)
    if backlog:
        raise SystemExit(f"MLflow has not got all of it: {backlog.reason}")
    waited = time.monotonic() - began
    folder = sweeps_folder() / "load"
    print("\n| trials ended | ms a trial | of them the driver computes | driver, MiB | in MLflow |")
    print("| --- | --- | --- | --- | --- |")
    readings = watches[0].readings
    for before, now in itertools.pairwise(readings):
        trials = now.ended - before.ended
        spent = 1000 * (now.seconds - before.seconds) / trials
        cpu = 1000 * (now.cpu_seconds - before.cpu_seconds) / trials
        held = now.driver_bytes / MEBI
        print(f"| {now.ended} | {spent:.0f} | {cpu:.0f} | {held:.0f} | {now.mirrored} |")
    print(f"\nMLflow had all of it {waited:.0f} s after the last trial.")
    print(f"Disk: {json.dumps(disk(folder))} MiB")


def disk(folder: Path) -> dict[str, float]:
    """MiB of the journal, of the trials' folders, of MLflow's database and of its artifacts."""
    parts = {
        "study.log": folder / "study.log",
        "trials": folder / "trials",
        "mlflow.json": folder / LEDGER,
        **{path.name: path for path in home().iterdir() if path.name.startswith("mlflow")},
        **{path.name: path for path in home().iterdir() if path.name.startswith("mlruns")},
    }
    assert (folder / SWEEP).exists()  # noqa: S101
    return {name: round(size(path) / MEBI, 2) for name, path in parts.items()}


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


if __name__ == "__main__":
    main()
