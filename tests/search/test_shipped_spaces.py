"""Every shipped search space for real models runs whole on a tiny model of its very family."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console
from safetensors.torch import load_file

from pipeline.config import load_space
from pipeline.config.merging import differences
from pipeline.evaluation.report import Report
from pipeline.search.cluster import ray_session
from pipeline.search.live import PlainView
from pipeline.search.member import front_of
from pipeline.search.sweep import run_sweep
from tests.search.shipped import FAMILIES, FILES, TinyWorld

LIKE_ANOTHER = ("sd15_van_gogh", "sd15_church", "unlearncanvas_object")
"""Files that differ from another one of their family in words and numbers alone."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all sweeps of this file."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def _one_ray() -> Iterator[None]:
    """One Ray for all sweeps of this file: a start takes seconds."""
    with ray_session():
        yield


@pytest.mark.parametrize("name", FAMILIES)
def test_overrides_leave_everything_else_as_it_ships(name: str, world: TinyWorld) -> None:
    overrides = world.overrides(name)
    file = FILES / f"{name}.yaml"
    changed = differences(load_space(file).tree, load_space(file, overrides).tree)
    assert changed
    paths = {override.partition("=")[0] for override in overrides}
    # A section that is set to null takes what is in it along.
    assert all(path in paths or path.partition(".")[0] in paths for path in changed)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_one_ray")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if name in LIKE_ANOTHER else ())
        for name in FAMILIES
    ],
)
def test_a_whole_sweep_of_it_runs(
    name: str, world: TinyWorld, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNLEARN_HOME", str(home))
    space = load_space(FILES / f"{name}.yaml", world.overrides(name))
    folder = home / "sweeps" / space.name
    view = PlainView(Console(file=sys.stderr))
    sweep = run_sweep(space, folder, resume=False, view=view)
    assert sweep.status == "finished"
    assert [(trial.state, trial.reason) for trial in sweep.trials] == [("complete", None)] * 2
    assert sweep.base_metrics["alignment"] == pytest.approx(1.0)
    for trial in sweep.trials:
        report = Report.load(trial.folder / "report.json")
        assert trial.values == tuple(report.metrics[each] for each in space.objectives)
        # Every axis has the judge that the file names; NudeNet's is the model of its wheel.
        judges = report.judge.classifier.settings
        assert judges.keys() == space.tree["evaluation"]["classifier"].keys()
        with Image.open(trial.folder / "gallery.png") as picture:
            assert picture.width > 0
    front = front_of(sweep)
    assert front
    kept = front if space.budget.keep_weights == "front" else list(sweep.trials)
    files = [trial.folder / "weights.safetensors" for trial in kept]
    assert sorted(folder.glob("trials/*/weights.safetensors")) == files
    for weights in map(load_file, files):
        assert all(value.isfinite().all() for value in weights.values())
        assert any(value.any() for value in weights.values())
