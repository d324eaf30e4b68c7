"""Reproduction: from the record alone, in a home that has nothing, the same weights and numbers."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.evaluation.report import Report
from pipeline.tracking.fetching import fetched
from pipeline.tracking.reproduction import plan_again
from tests.cli.in_process import assert_refused, tell
from tests.tracking.registered import Registered


@pytest.fixture(autouse=True)
def _elsewhere(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry is known, and none of the sweeps, pictures and weights is at hand."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registered.uri)
    monkeypatch.setenv("COLUMNS", "200")


def test_a_version_is_made_again_from_its_record_alone(
    registered: Registered, tmp_path: Path
) -> None:
    told = tell("reproduce", "tiny/1")
    assert told.code == 0, told.out + told.err
    assert told.out.splitlines()[-1] == "tiny/1: all as recorded when it was promoted"
    folder = tmp_path / "reproductions" / "tiny-1"
    promotion = registered.promotions["tiny/1"]
    report = Report.load(folder / "model" / "report.json")
    assert report.metrics == promotion.report.metrics
    assert report.pictures == promotion.report.pictures
    assert report.model == promotion.report.model
    trial = registered.home / "sweeps" / "tiny" / "trials" / "0000"
    weights = "weights.safetensors"
    assert (folder / weights).read_bytes() == (trial / weights).read_bytes()
    for line in ("unet/diffusion_pytorch_model.safetensors", "searched erasure", "judged ua"):
        assert line in told.out
    # Once more it would compare what is there, whatever has changed since.
    assert_refused(tell("reproduce", "tiny/1"), "name another folder with --out", seconds=30)


def copy_with(registered: Registered, folder: Path, **changes: Any) -> Path:
    shutil.copytree(registered.home / "whole", folder)
    path = folder / "manifest.json"
    tree = json.loads(path.read_text())
    for name, value in changes.items():
        tree[name] = {**tree[name], **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(tree))
    return folder


def test_numbers_that_are_not_reached_again_are_named(
    registered: Registered, tmp_path: Path
) -> None:
    experiment = json.loads((registered.home / "whole" / "manifest.json").read_text())["experiment"]
    other = {**experiment, "update": {**experiment["update"], "steps": 1}}
    folder = copy_with(registered, tmp_path / "other", experiment=other)
    told = tell("reproduce", folder, "--out", tmp_path / "again")
    assert told.code == 1
    for line in (
        r"unet/\S+\.safetensors +differs +recorded ",
        r"judged erasure +differs +recorded ",
    ):
        assert re.search(line, told.out)
    told = tell("reproduce", registered.home / "whole", "--out", tmp_path / "again")
    assert_refused(told, "it holds another experiment", seconds=30)


def test_a_record_that_was_changed_is_not_reproduced(
    registered: Registered, tmp_path: Path
) -> None:
    folder = copy_with(registered, tmp_path / "copy")
    (folder / "report.json").write_text("{}")
    assert_refused(tell("reproduce", folder), "report.json: expected ", seconds=30)
    assert_refused(
        tell("reproduce", copy_with(registered, tmp_path / "old", judgement=None)),
        "expected a manifest with its judgement",
        seconds=30,
    )


def test_a_link_of_a_chain_says_which_base_it_needs(registered: Registered, tmp_path: Path) -> None:
    manifest = json.loads((registered.home / "whole" / "manifest.json").read_text())
    concept = {**manifest["experiment"]["concept"], "forget": ["bag"], "anchor": "t-shirt"}
    concept["erased"] = manifest["lineage"]
    experiment = {
        **manifest["experiment"],
        "concept": concept,
        "model": {**manifest["experiment"]["model"], "base": "/nowhere/0000"},
    }
    base = {"name": "/nowhere/0000", "fingerprint": manifest["model"]}
    link = copy_with(registered, tmp_path / "link", experiment=experiment, base=base)
    told = tell("reproduce", link)
    assert_refused(told, "had forgotten sneaker: `unlearn export tiny/1 DIR`", seconds=30)
    assert tell("export", "tiny/1", tmp_path / "base").code == 0
    with fetched(str(link)) as version:
        plan = plan_again(version, str(tmp_path / "base"))
        assert plan.experiment.model.base == str(tmp_path / "base")
        with pytest.raises(ValueError, match=r"expected the base fashion-canvas to be .*, got "):
            plan_again(version, "fashion-canvas")
