"""A concept's history over sweeps, by the real commands on a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.search.files import read_json
from pipeline.tracking.connection import connect, experiment_id
from pipeline.tracking.desk import registry_client
from pipeline.tracking.marks import mark
from pipeline.tracking.registry import register
from tests.cli.in_process import assert_refused, tell
from tests.tracking.registered import Registered


def enter(uri: str, name: str, tags: dict[str, str]) -> None:
    client = connect(uri, timeout=20)
    run = client.create_run(experiment_id(client, uri)).info.run_id
    source = f"runs:/{run}/promoted"
    register(client, name, source, run, tags=tags, description="", challenger="c" in tags)


def test_history_crown_and_rollback_tell_one_story(
    registered: Registered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = registered.uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("COLUMNS", "200")
    boot = {"concept": "boot", "base": "f" * 64, "sweep": "one", "trial": "3"}
    enter(uri, "shoes", {**boot, "ua": "0.5", "gate": "passed"})
    enter(uri, "shoes", {**boot, "trial": "[4]", "alignment": "0.97", "ua": "x"})
    enter(uri, "three", {"concept": "bag, boot", "sweep": "three", "trial": "0"})
    enter(uri, "bags", {"concept": "bag", "sweep": "b"})
    enter(uri, "chain", {"concept": "hat, red", "erased_before": "boot", "sweep": "c"})
    enter(uri, "shoes", {**boot, "c": "", "gate": "overridden", "gate.override": "[me]"})
    promoted = tmp_path / "sweeps" / "one" / "promoted" / "0003"
    mark(promoted, "shoes", 1, "previous")

    told = tell("rollback", "shoes", "--because", "  it draws\nshoes ")
    assert (told.code, told.out) == (
        0,
        "shoes version 1 is champion again, in place of version 2\n",
    )
    assert (read_json(promoted.with_suffix(".json")) or {})["standing"] == "champion"
    told = tell("history", "boot", "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    said = [(each["name"], each["version"], each["aliases"]) for each in found["versions"]]
    assert said == [
        ("shoes", 3, ["challenger"]),
        ("chain", 1, ["champion"]),
        ("three", 1, ["champion"]),
        ("shoes", 2, []),
        ("shoes", 1, ["champion"]),
    ]
    assert found["versions"][3]["standing"] == "rolled back"
    assert found["versions"][3]["metrics"] == {"alignment": 0.97}
    assert (found["versions"][4]["trial"], found["versions"][3]["trial"]) == (3, None)
    assert found["versions"][0]["override"] == "[me]"
    assert found["events"][0]["what"] == "rolled back"
    assert found["events"][0]["why"] == "it draws shoes"

    assert found["versions"][1]["erased_before"] == "boot"
    told = tell("history", "hat, red")  # its own name holds a comma
    assert "chain/1" in told.out

    told = tell("history", "boot")
    assert told.code == 0
    assert "(hat, red after boot)" in " ".join(told.out.split())
    for words in ("shoes/3", "challenger", "one/3", "0.500", "passed", "rolled back", "[me]"):
        assert words in told.out
    assert "shoes: rolled back from 2 to 1 by " in told.out
    told = tell("crown", "shoes@challenger", "--because", "better")
    assert told.out.startswith("shoes version 3 is now champion\n")
    with registry_client() as client:
        assert client.get_model_version_by_alias("shoes", "previous").version == "1"

    assert_refused(tell("rollback", "bags", "--because", "no"), "version 1 and none before it")
    assert_refused(tell("rollback", "shoes", "--because", " "), "the reason why")
    assert_refused(tell("rollback", "shoe", "--because", "no"), "there is none of this name")
    assert_refused(tell("crown", "shoes/9"), "shoes/9: expected a version of shoes (1, 2, 3)")
    assert_refused(tell("crown", "shoes@best"), "expected an alias of shoes (champion is 3")
    assert_refused(tell("history", "neon' OR 1"), "(bag; bag, boot; boot; hat, red; sneaker)")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert_refused(tell("history", "boot"), "expected MLflow to answer", seconds=30)
