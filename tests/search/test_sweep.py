"""Whole sweeps on the embedded benchmark, through a real Ray, and whatever can stop them."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image
from rich.console import Console

from pipeline.config import (
    ConfigError,
    Experiment,
    SearchSpace,
    Simplex,
    dump_space,
    load_space,
    parse_space,
)
from pipeline.evaluation.report import Report
from pipeline.search.live import PlainView
from pipeline.search.locking import FolderInUseError
from pipeline.search.records import SweepRecord, TrialRecord, read_sweep
from pipeline.search.sweep import run_sweep
from pipeline.unlearning.telemetry import read_telemetry
from tests.search.earlier import put_sweep
from tests.search.spaces import smoke_space
from tests.search.sweeping import (
    ROOT,
    Runner,
    finished,
    halfway,
    is_marked,
    mark,
    wait_for_death,
    wait_for_worker,
    wait_until_halfway,
    worker_of,
)
from tests.tracking.sweeps import Sweep

pytestmark = pytest.mark.timeout(1200)

ONE_TRIAL = """
name: tiny
concept: {kind: object, forget: [sneaker]}
prompts: {test: 16}
update: {learning_rate: {log_uniform: [1e-5, 1e-3]}}
budget: {trials: 1, sampler: random}
"""


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


def test_a_gate_may_change_when_a_sweep_is_resumed_and_nothing_that_decides_trials(
    tmp_path: Path,
) -> None:
    sweep = Sweep(tmp_path / "tiny", ((0.9, 0.8),), text=ONE_TRIAL)
    sweep.status("finished")
    tree = load_space(sweep.folder / "space.yaml").tree
    gated = parse_space({**tree, "gate": {"at_least": {"ua": 0.4}}})
    record = sweep_now(gated, sweep.folder, resume=True)
    assert record.space.gate is not None
    assert record.space.gate.at_least == {"ua": 0.4}
    assert record.status == "finished"
    other = parse_space({**tree, "update": {**tree["update"], "steps": 7}})
    with pytest.raises(ValueError, match="another update; only budget, gate, scaling may change"):
        sweep_now(other, sweep.folder, resume=True)
    stopping = parse_space({**tree, "budget": {**tree["budget"], "early_stopping": {}}})
    with pytest.raises(ValueError, match=r"another budget\.early_stopping; only"):
        sweep_now(stopping, sweep.folder, resume=True)
    put_sweep("earlier", smoke_space())
    warm = parse_space({**tree, "budget": {**tree["budget"], "warm_start": ["earlier"]}})
    with pytest.raises(ValueError, match=r"another budget\.warm_start; only"):
        sweep_now(warm, sweep.folder, resume=True)


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
    parts = {"load", "synthesis", "training", "judging", "overhead"}
    assert timing.keys() == parts | ({"rungs"} if trial.rungs else set())
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
    with pytest.raises(ValueError, match=r"there are .*smoke"):
        sweep_now(space, folder.parent / "smoky", resume=True)


def test_every_trial_can_be_a_run_of_two_workers(home: Path) -> None:
    smoke = ROOT / "search_spaces" / "smoke.yaml"
    stopping = "budget.early_stopping={first_rung: 0.5, prompts: 8}"
    space = load_space(smoke, ["budget.trials=1", "scaling.workers=2", stopping])
    if (os.cpu_count() or 1) < space.scaling.workers:
        pytest.skip("needs two cores")
    sweep = sweep_now(space, home / "sweeps" / "two-workers")
    (trial,) = sweep.trials
    assert trial.state == "complete"
    assert_complete(trial, space)
    assert [(rung.step, rung.goes_on) for rung in trial.rungs] == [(2, True)]


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


@pytest.fixture
def _no_stray_sweeps() -> Iterator[None]:
    """Also a test that fails ends the processes that it started."""
    yield
    Runner.kill_all()


@pytest.mark.usefixtures("_no_stray_sweeps")
def test_a_sweep_survives_ctrl_c_and_kill_9_of_itself_and_of_a_worker(home: Path) -> None:
    """One sweep, stopped in three ways: no trial is lost, none doubled, none begun anew."""
    # To be hit in the middle: a worker outlives the sweep that was killed by seconds.
    space = smoke_space(
        update={"steps": {"int_uniform": [75, 90]}, "learning_rate": 1e-4},
        budget={"trials": 3},
    )
    source, folder = home / "source.yaml", home / "sweeps" / "survivor"
    source.write_text(dump_space(space))

    runner = Runner.without_mlflow(source, folder, "new")
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

    runner = Runner.without_mlflow(source, folder, "resume")
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
    # The kill may have come while a trial was being proposed: it then has no values yet.
    asked |= {trial.number: trial.params for trial in read_sweep(folder).trials if trial.params}

    runner = Runner.without_mlflow(source, folder, "resume")
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
