"""Reading a sweep's folder while it runs and after."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import dump_space
from pipeline.search.files import write_json
from pipeline.search.outcome import Outcome
from pipeline.search.records import SweepReader, read_sweep
from pipeline.search.study import SweepStudy
from tests.search.spaces import smoke_space


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "smoke"
    folder.mkdir()
    (folder / "space.yaml").write_text(dump_space(smoke_space()))
    write_json(folder / "sweep.json", {"name": "smoke", "status": "running", "base": None})
    return folder


def test_a_sweep_is_read_with_trials_of_every_state(folder: Path) -> None:
    study = SweepStudy(folder, smoke_space())
    asked = [study.ask() for _ in range(4)]
    study.tell(0, Outcome({"erasure": 0.9, "alignment": 0.8, "ua": 1.0}, None, 2.0))
    study.tell(1, Outcome({}, "DivergedError: NaN", 1.0))
    study.prune(2, "worse than most")
    write_json(folder / "base.json", {"metrics": {"erasure": 0.1}})
    sweep = read_sweep(folder)
    assert (sweep.name, sweep.status) == ("smoke", "running")
    assert sweep.objectives == {"erasure": "maximize", "alignment": "maximize"}
    assert sweep.base_metrics == {"erasure": 0.1}
    assert [trial.state for trial in sweep.trials] == ["complete", "failed", "pruned", "running"]
    first, second, third, _ = sweep.trials
    assert first.values == (0.9, 0.8)
    assert first.metrics["ua"] == 1.0
    assert first.seconds == 2.0
    assert first.folder == folder / "trials" / "0000"
    assert second.values is None
    assert second.reason == "DivergedError: NaN"
    assert third.reason == "worse than most"
    rate = first.params["update.learning_rate"]
    assert rate == asked[0].values["update.learning_rate"]
    mix = asked[0].values["prompts.retain_mix"]
    assert first.params["prompts.retain_mix.generic"] == mix["generic"]


def test_a_reader_sees_what_is_new_and_reads_the_end_of_a_trial_once(folder: Path) -> None:
    reader = SweepReader(folder)
    assert reader.read() == read_sweep(folder)
    study = SweepStudy(folder, smoke_space())
    for number in range(3):
        study.ask()
        assert reader.read() == read_sweep(folder)
        study.tell(number, Outcome({"erasure": 0.9, "alignment": 0.8}, None, 2.0))
        assert reader.read() == read_sweep(folder)
    before, after = reader.read(), reader.read()
    assert all(a is b for a, b in zip(before.trials, after.trials, strict=True))
    (folder / "space.yaml").write_text(dump_space(smoke_space(budget={"trials": 77})))
    assert reader.read().space.budget.trials == 77


def test_a_sweep_that_has_just_begun_has_no_trials_and_stays_untouched(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    assert read_sweep(folder).trials == ()
    assert sorted(folder.rglob("*")) == before
    (folder / "study.log").touch()
    assert read_sweep(folder).trials == ()


def test_a_missing_sweep_is_named_with_those_that_exist(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"no such folder; there are smoke"):
        read_sweep(folder.parent / "smok")
    (folder.parent / "empty").mkdir()
    with pytest.raises(ValueError, match=r"expected a sweep .*sweep.json"):
        read_sweep(folder.parent / "empty")


def test_reading_needs_neither_ray_nor_torch() -> None:
    code = (
        "import sys; import pipeline.search.records, pipeline.search.pareto; "
        "sys.exit(sorted({'ray', 'torch'} & sys.modules.keys()) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
