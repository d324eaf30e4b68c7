"""A trial in this process, and what a sweep prepares for it: real weights, no Ray."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pipeline.config import dump_experiment
from pipeline.diffusion import Store
from pipeline.search.files import write_json
from pipeline.search.laps import Laps
from pipeline.search.outcome import Outcome
from pipeline.search.preparation import corner_experiments, prepare
from pipeline.search.trial import run_trial
from tests.search.spaces import put_trial, smoke_space, values


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep's folder with everything that trials share, and its store beside it."""
    folder = tmp_path_factory.mktemp("sweep")
    write_json(folder / "sweep.json", {"name": "smoke", "status": "running", "base": None})
    prepare(smoke_space(), folder, Store(folder / "cache"))
    return folder


def test_the_base_is_judged_once_and_remembered(prepared: Path) -> None:
    base = prepared / "base.json"
    metrics = json.loads(base.read_text())["metrics"]
    assert metrics["alignment"] == pytest.approx(1.0)
    before = base.stat().st_mtime_ns
    prepare(smoke_space(), prepared, Store(prepared / "cache"))
    assert base.stat().st_mtime_ns == before
    assert len(json.loads((prepared / "sweep.json").read_text())["base"]) == 64


def test_a_resumed_sweep_refuses_another_base(prepared: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "sweep.json", {"name": "smoke", "base": "0" * 64})
    with pytest.raises(ValueError, match="expected the model that the sweep began with"):
        prepare(smoke_space(), tmp_path, Store(prepared / "cache"))


def test_a_trial_between_the_corners_finds_all_its_pictures(prepared: Path) -> None:
    store = prepared / "cache"
    before = {path for path in store.rglob("*") if path.is_file()}
    folder = put_trial(prepared / "trials" / "0000", smoke_space(), diversity=0.5)
    outcome = run_trial(folder, Store(store), time.time())
    assert outcome.reason is None
    # Of a real model they would be six times as large as the weights.
    assert not (folder / "checkpoints").exists()
    assert {path for path in store.rglob("*") if path.is_file()} == before


def test_a_finished_trial_is_read_not_repeated(prepared: Path) -> None:
    folder = put_trial(prepared / "trials" / "0001", smoke_space())
    store = Store(prepared / "cache")
    first = run_trial(folder, store, time.time())
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.is_file()}
    assert run_trial(folder, store, time.time()) == first == Outcome.read(folder)
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.is_file()}
    assert {path for path in stamps if stamps[path] != after[path]} <= {folder / ".lock"}


def test_a_diverged_trial_has_a_failure_and_no_report(prepared: Path) -> None:
    space = smoke_space(update={"learning_rate": {"choice": [1e-4, 1e30]}, "precision": "fp32"})
    folder = prepared / "trials" / "0002"
    folder.mkdir(parents=True)
    experiment = space.fill({**values(space, 0.5), "update.learning_rate": 1e30})
    (folder / "experiment.yaml").write_text(dump_experiment(experiment))
    outcome = run_trial(folder, Store(prepared / "cache"), time.time())
    assert outcome.reason is not None
    assert outcome.reason.startswith("DivergedError: ")
    assert not (folder / "report.json").exists()
    assert run_trial(folder, Store(prepared / "cache"), time.time()) == outcome
    assert not (folder / "checkpoints").exists()


def test_other_errors_are_raised_and_leave_their_traceback(tmp_path: Path) -> None:
    space = smoke_space(model={"base": str(tmp_path / "nowhere")})
    folder = put_trial(tmp_path / "trials" / "0000", space)
    with pytest.raises(ValueError, match="nowhere"):
        run_trial(folder, Store(tmp_path / "cache"), time.time())
    last = (folder / "error.txt").read_text().splitlines()[-1]
    assert last.startswith("ValueError: model")
    assert Outcome.read(folder) is None


def test_corners_cover_every_end_that_decides_pictures() -> None:
    space = smoke_space(
        concept={"anchor": {"choice": ["sandal", "ankle boot"]}},
        prompts={"forget_diversity": {"uniform": [0.25, 0.75]}},
    )
    corners = list(corner_experiments(space))
    found = {(corner.concept.anchor, corner.prompts.forget_diversity) for corner in corners}
    assert found == {(a, d) for a in ("sandal", "ankle boot") for d in (0.25, 0.75)}
    assert len(corners) == 4
    for corner in corners:
        mix = corner.prompts.retain_mix
        assert mix is not None
        assert mix.same_context == mix.neighbours == mix.generic == pytest.approx(1 / 3)


def test_parts_and_overhead_sum_to_the_time_since_a_trial_was_handed_out() -> None:
    began = time.perf_counter()
    issued = time.time() - 5
    laps = Laps(issued)
    with laps.lap("load"):
        time.sleep(0.1)
    with laps.lap("load"):
        time.sleep(0.1)
    total = laps.total()
    took = time.perf_counter() - began
    assert 0.2 <= total["load"] <= took
    assert 5.2 - 0.01 <= sum(total.values()) <= 5 + took + 0.01  # of two clocks
    assert total["overhead"] >= 5 - 0.01
