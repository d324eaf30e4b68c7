"""Sweeps' folders that were damaged, and names that lead out of them: exit code 2 and no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.models import find_model
from pipeline.tracking.marks import mark
from tests.cli.command import SMOKE
from tests.cli.in_process import assert_refused, tell, tree_of
from tests.tracking.sweeps import SCORES, Sweep

TRAVERSALS = (
    *("../x", "..", ".", "/etc", "a/../b", "a\\b", "~", "a b", "A", "x" * 65, "", "a\n"),
    *("%2e%2e", "a:b", "a*"),
)


@pytest.mark.parametrize("name", TRAVERSALS)
@pytest.mark.parametrize(
    "command",
    [
        ("sweep", SMOKE, "--name"),
        ("resume",),
        ("pareto",),
        ("promote",),
        ("train", "--trial", 0, "--sweep"),
        ("train", SMOKE, "--set"),
    ],
    ids=lambda command: command[0] + str(len(command)),
)
def test_no_name_leads_out_of_home(tmp_path: Path, command: tuple[object, ...], name: str) -> None:
    if command[-1] == "--set":
        name = f"name={json.dumps(name)}"
    assert_refused(tell(*command, name))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../x/0", "/etc/0", "../x/champion", "./x/0", "a/b/c", "~/x", ""])
@pytest.mark.parametrize("verb", ["generate", "evaluate"])
def test_no_model_s_name_does(tmp_path: Path, verb: str, name: str) -> None:
    more = ["a bag"] if verb == "generate" else ["--experiment", SMOKE]
    assert_refused(tell(verb, name, *more))
    assert not list(tmp_path.iterdir())


DAMAGES: dict[str, tuple[str, bytes, str]] = {
    "a record of no name": ("sweep.json", b"{}", "sweep.json: expected the name tiny"),
    "a record of another name": (
        "sweep.json",
        b'{"name": "../../x", "status": "running"}',
        "sweep.json: expected the name tiny",
    ),
    "a record of no status": (
        "sweep.json",
        b'{"name": "tiny", "status": {}}',
        "sweep.json: expected the name tiny",
    ),
    "a record of garbage": ("sweep.json", bytes(range(256)), "expected a sweep"),
    "a record of brackets": ("sweep.json", b"[" * 100_000, "expected a sweep"),
    "no space": ("space.yaml", b"", "expected a mapping of settings"),
    "a space of garbage": ("space.yaml", bytes(range(256)), "expected UTF-8 text"),
    "a journal of garbage": ("study.log", b"\xff\x00\n{}\n", "study.log: expected the journal"),
    "a journal of lists": ("study.log", b"[]\n[1]\n", "study.log: expected the journal"),
    "a journal of another": ("study.log", b'{"op_code": 99}\n', "study.log: expected the journal"),
    "a journal of names": (
        "study.log",
        b'{"op_code": "x", "worker_id": 3}\n',
        "study.log: expected the journal",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("verb", ["pareto", "promote", "resume"])
def test_a_damaged_sweep_is_named(tmp_path: Path, verb: str, name: str) -> None:
    file, content, named = DAMAGES[name]
    sweep = Sweep(tmp_path / "sweeps" / "tiny", SCORES)
    (sweep.folder / file).write_bytes(content)
    before = tree_of(tmp_path)
    assert_refused(tell(verb, "tiny"), named, seconds=60)
    assert tree_of(tmp_path) == before


def test_a_sweep_s_champion_is_its_own_model_s(tmp_path: Path) -> None:
    """Not that of another model, into which a trial was promoted later."""
    sweep = Sweep(tmp_path / "sweeps" / "tiny", SCORES)
    promoted = sweep.folder / "promoted"
    for number, name in ((0, "tiny"), (1, "shared")):
        folder = promoted / f"{number:04d}"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"created": f"2026-01-0{number + 1}"}))
        mark(folder, name, 1, "champion")
    assert find_model("tiny/champion").base == str(promoted / "0000")
    (promoted / "0000.json").unlink()
    assert find_model("tiny/champion").base == str(promoted / "0001")


def test_weights_that_are_not_there_are_told_by_how_the_trial_ended(tmp_path: Path) -> None:
    """Not kept, as it is not on the front; and not trained yet."""
    sweep = Sweep(tmp_path / "sweeps" / "tiny", SCORES)
    complete = sweep.record.trials[0].folder
    (complete / "weights.safetensors").unlink(missing_ok=True)
    told = tell("generate", "tiny/0", "a bag")
    assert_refused(told, "`unlearn train --sweep tiny --trial 0`", seconds=30)
    (complete / "report.json").unlink()
    assert_refused(tell("generate", "tiny/0", "a bag"), "`unlearn resume tiny`", seconds=30)


@pytest.mark.parametrize(
    "manifest",
    [
        b"{",
        b"[]",
        b'{"created": 1, "experiment": 5, "weights": "../../x"}',
        b'{"created": 1, "experiment": {"name": "../x"}}',
        b'{"created": {}, "lineage": [{"kind": 1}]}',
        b"\xff",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("verb", ["generate", "plan"])
def test_a_damaged_manifest_is_named(tmp_path: Path, verb: str, manifest: bytes) -> None:
    sweep = Sweep(tmp_path / "sweeps" / "tiny", SCORES)
    promoted = sweep.folder / "promoted" / "0003"
    promoted.mkdir(parents=True)
    promoted.with_suffix(".json").write_text("{}")
    (promoted / "manifest.json").write_bytes(manifest)
    before = tree_of(tmp_path)
    if verb == "generate":
        told = tell("generate", "tiny/champion", "a bag")
    else:
        told = tell("plan", SMOKE, "--set", "model.base=tiny/champion")
    assert_refused(told, seconds=60)
    assert tree_of(tmp_path) == before
