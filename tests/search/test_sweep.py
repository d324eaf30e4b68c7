"""Whole sweeps on the embedded benchmark, through a real Ray, and whatever can stop them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
from PIL import Image
from rich.console import Console

from pipeline.config import ConfigError, Experiment, SearchSpace, Simplex, dump_space, load_space
from pipeline.evaluation.report import Report
from pipeline.search.live import PlainView
from pipeline.search.locking import FolderInUseError
from pipeline.search.records import SweepRecord, TrialRecord, read_sweep
from pipeline.search.sweep import run_sweep
from pipeline.unlearning.telemetry import read_telemetry
from tests.search.spaces import smoke_space

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 400.0

pytestmark = pytest.mark.timeout(1200)


def sweep_now(
    space: SearchSpace, folder: Path, *, resume: bool = False, changes: list[int] | None = None
) -> SweepRecord:
    seen = [] if changes is None else changes
    view = PlainView(Console(file=sys.stderr))
    return run_sweep(space, folder, resume=resume, view=view, on_change=lambda: seen.append(1))


def test_words_that_no_vocabulary_has_are_refused_before_anything_runs(tmp_path: Path) -> None:
    space = smoke_space(concept={"forget": ["sneakr"]})
    with pytest.raises(ConfigError, match="did you mean sneaker"):
        sweep_now(space, tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all sweeps of this file: they share pictures, as a user's do."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _shared_home(home: Path, _home_of_its_own: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARN_HOME", str(home))


def assert_complete(trial: TrialRecord, space: SearchSpace) -> None:
    """Everything that a complete trial leaves, and that it agrees with the record."""
    report = Report.load(trial.folder / "report.json")
    assert trial.metrics == report.metrics
    assert trial.values == tuple(report.metrics[name] for name in space.objectives)
    experiment = load_space(trial.folder / "experiment.yaml").fixed()
    held = drawn(experiment)
    assert {path: held[path] for path in trial.params} == pytest.approx(trial.params)
    assert trial.params.keys() == flatten_names(space)
    assert json.loads((trial.folder / "params.json").read_text()) == trial.params
    steps = [record.step for record in read_telemetry(trial.folder / "telemetry.jsonl")]
    assert steps == list(range(1, experiment.update.steps + 1))
    assert (trial.folder / "weights.safetensors").stat().st_size > 0
    with Image.open(trial.folder / "gallery.png") as picture:
        assert picture.width > picture.height > 50
    timing = json.loads((trial.folder / "timing.json").read_text())
    assert timing.keys() == {"load", "synthesis", "training", "judging", "overhead"}
    assert trial.seconds == pytest.approx(sum(timing.values()))


def flatten_names(space: SearchSpace) -> set[str]:
    names: set[str] = set()
    for path, distribution in space.distributions.items():
        match distribution:
            case Simplex(shares):
                names |= {f"{path}.{share}" for share in shares}
            case _:
                names.add(path)
    return names


def drawn(experiment: Experiment) -> dict[str, object]:
    """What a space of this file may draw, as the experiment holds it."""
    mix = experiment.prompts.retain_mix
    return {
        "prompts.forget_diversity": experiment.prompts.forget_diversity,
        **{
            f"prompts.retain_mix.{name}": getattr(mix, name)
            for name in ("same_context", "neighbours", "other_axis", "generic")
        },
        "update.restriction": experiment.update.restriction,
        "update.learning_rate": experiment.update.learning_rate,
        "update.steps": experiment.update.steps,
    }


def test_a_sweep_runs_all_its_trials_and_a_divergence_is_a_failure(home: Path) -> None:
    # A learning rate of 1e30 overflows within a step or two.
    space = smoke_space(
        update={"learning_rate": {"choice": [1e-4, 1e30]}, "precision": "fp32"},
        budget={"trials": 4, "seed": 3},
    )
    folder = home / "sweeps" / "smoke"
    changes: list[int] = []
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    sweep = sweep_now(space, folder, changes=changes)
    assert signal.getsignal(signal.SIGINT) is on_ctrl_c  # Tune would keep the next one to itself
    assert sweep == read_sweep(folder)
    assert sweep.status == "finished"
    assert [trial.number for trial in sweep.trials] == [0, 1, 2, 3]
    for trial in sweep.trials:
        if trial.params["update.learning_rate"] > 1:
            assert trial.state == "failed"
            assert "DivergedError" in str(trial.reason)
            failure = json.loads((trial.folder / "failure.json").read_text())
            assert failure["kind"] == "DivergedError"
            assert not (trial.folder / "report.json").exists()
        else:
            assert trial.state == "complete"
            assert_complete(trial, space)
    assert {trial.state for trial in sweep.trials} == {"complete", "failed"}
    assert sweep.base_metrics["alignment"] == pytest.approx(1.0)
    texts = json.loads((folder / "prompts.json").read_text())
    assert len(texts["forget_train"]) == 6
    assert load_space(folder / "space.yaml").tree == space.tree
    assert len(changes) >= 8
    assert not (folder / ".ray").exists()

    with pytest.raises(ValueError, match="expected no sweep of this name yet"):
        sweep_now(space, folder)
    other = smoke_space(update={"learning_rate": {"choice": [1e-4, 1e-5]}, "precision": "fp32"})
    with pytest.raises(ValueError, match="got another update"):
        sweep_now(other, folder, resume=True)
    with pytest.raises(ValueError, match="there are smoke"):
        sweep_now(space, folder.parent / "smoky", resume=True)


def test_every_trial_can_be_a_run_of_two_workers(home: Path) -> None:
    smoke = ROOT / "search_spaces" / "smoke.yaml"
    space = load_space(smoke, ["budget.trials=1", "scaling.workers=2"])
    if (os.cpu_count() or 1) < space.scaling.workers:
        pytest.skip("needs two cores")
    sweep = sweep_now(space, home / "sweeps" / "two-workers")
    (trial,) = sweep.trials
    assert trial.state == "complete"
    assert_complete(trial, space)


def test_a_trial_too_big_for_the_machine_is_refused_at_once(home: Path) -> None:
    space = smoke_space(scaling={"workers": 2, "cpus_per_worker": 2048})
    folder = home / "sweeps" / "too-big"
    with pytest.raises(ValueError, match=r"wants 4096 CPUs and 0 GPUs; it has \d+"):
        sweep_now(space, folder)
    assert read_sweep(folder).status == "interrupted"
    # No trial was asked for, so that the mended file may take the name.
    smaller = smoke_space(scaling={"workers": 2, "cpus_per_worker": 1024})
    with pytest.raises(ValueError, match=r"wants 2048 CPUs"):
        sweep_now(smaller, folder)


RUNNER = """
import sys
from pathlib import Path
from typing import ClassVar
from rich.console import Console
from pipeline.config import load_space
from pipeline.search.live import PlainView
from pipeline.search.sweep import run_sweep

space, folder, resume = load_space(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3] == "resume"
run_sweep(space, folder, resume=resume, view=PlainView(Console(file=sys.stdout)))
"""


class Runner:
    """A sweep in a process of its own, with all it prints in a file."""

    started: ClassVar[list[Runner]] = []

    def __init__(self, space: Path, folder: Path, verb: str) -> None:
        self.log = space.with_name(f"{verb}-{time.time_ns()}.log")
        self.folder = folder
        with self.log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUNNER, str(space), str(folder), verb],
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
            )
        self.started.append(self)

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


@pytest.fixture
def _no_stray_sweeps() -> Iterator[None]:
    """Also a test that fails ends the processes that it started."""
    yield
    for runner in Runner.started:
        runner.process.kill()


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


def busy_worker(folder: Path) -> int | None:
    """The process of a trial that is halfway, if there is one now."""
    trial = halfway(folder)
    return None if trial is None else worker_of(trial)


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
    """The process id of a worker of this very session that is halfway through a trial."""
    seen: list[int] = []

    def found() -> bool:
        pid = busy_worker(folder)
        family = {child.pid for child in psutil.Process(runner.process.pid).children(True)}
        seen.extend([pid] if pid is not None and pid in family else [])
        return bool(seen)

    runner.wait_for(found, "a trial was halfway")
    return seen[-1]


@pytest.mark.usefixtures("_no_stray_sweeps")
def test_a_sweep_survives_ctrl_c_and_kill_9_of_itself_and_of_a_worker(home: Path) -> None:
    """One sweep, stopped in three ways: no trial is lost, none doubled, none begun anew."""
    # Trials long enough to be hit in the middle.
    space = smoke_space(
        update={"steps": {"int_uniform": [24, 30]}, "learning_rate": 1e-4},
        budget={"trials": 3},
    )
    source, folder = home / "source.yaml", home / "sweeps" / "survivor"
    source.write_text(dump_space(space))

    runner = Runner(source, folder, "new")
    runner.wait_for(lambda: halfway(folder) is not None, "a trial was halfway")
    assert listens_on_loopback_only(runner.process.pid)
    with pytest.raises(FolderInUseError, match=f"process {runner.process.pid} on"):
        sweep_now(space, folder, resume=True)
    runner.process.send_signal(signal.SIGINT)
    text = runner.end()
    assert runner.process.returncode == 0, text
    assert "interrupted" in text
    assert "unlearn resume smoke" in text
    assert read_sweep(folder).status == "interrupted"
    done = finished(folder)
    asked = {trial.number: trial.params for trial in read_sweep(folder).trials}

    runner = Runner(source, folder, "resume")
    runner.wait_for(lambda: len(finished(folder)) > len(done), "another trial had ended")
    hit = wait_until_halfway(runner, folder)
    worker = worker_of(hit)
    assert worker is not None
    runner.process.kill()
    runner.process.wait()
    wait_for_death(worker)
    mark(hit)
    assert read_sweep(folder).status == "running"
    assert finished(folder).items() >= done.items()
    done = finished(folder)
    asked |= {trial.number: trial.params for trial in read_sweep(folder).trials}

    runner = Runner(source, folder, "resume")
    second = wait_for_worker(runner, folder)
    os.kill(second, signal.SIGKILL)
    text = runner.end()
    assert runner.process.returncode == 0, text

    sweep = read_sweep(folder)
    assert sweep.status == "finished"
    assert [(trial.number, trial.state) for trial in sweep.trials] == [
        (number, "complete") for number in range(3)
    ]
    assert finished(folder).items() >= done.items(), "a finished trial was run again"
    for trial in sweep.trials:
        assert_complete(trial, space)
        assert trial.params == asked.get(trial.number, trial.params)
    assert is_marked(hit), "an interrupted trial was begun anew"


def listens_on_loopback_only(pid: int) -> bool:
    """Whether a process and its children listen on nothing but loopback."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    addresses = {
        connection.laddr.ip
        for process in family
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    return bool(addresses) and addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
