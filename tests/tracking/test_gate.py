"""The gate on real pictures: what falls short is not registered, and every verdict is recorded."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pipeline.config import Experiment, GateConfig
from pipeline.prompts import build_prompt_set
from pipeline.tracking.candidate import Demands, candidate
from pipeline.tracking.choose import NothingQualifiesError
from pipeline.tracking.connection import connect
from pipeline.tracking.gate_record import tags_of
from pipeline.tracking.gate_result import Override
from pipeline.tracking.promotion import NotConfirmedError, Promotion, promote
from pipeline.tracking.provenance import code_version, dependencies, prompts_hashed
from tests.cli.in_process import Told, assert_refused, tell
from tests.tracking.stage import Stage, a_stage

# Trial 1 is noise: no style is left in its pictures, whatever the search's record says.
STYLES = ["--set", "gate.at_least.cra=0.7", "--set", "gate.repeats=1"]
REASON = "a drill | of <b>the</b> release"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Stage]:
    with a_stage(tmp_path_factory.mktemp("home"), empty_database) as built:
        yield built


@pytest.fixture(autouse=True)
def _home_of_the_stage(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARN_HOME", str(stage.sweep.folder.parent.parent))


@pytest.fixture(scope="module")
def refusal(stage: Stage) -> Told:
    assert stage.sweep.record.space.gate is None
    return tell("promote", "tiny", "--trial", 1, *STYLES)


def pictures(stage: Stage) -> dict[str, int]:
    folder = stage.sweep.folder / "promoted" / ".0001.pictures"
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}


@pytest.fixture(scope="module")
def overridden(stage: Stage, refusal: Told) -> tuple[Promotion, list[tuple[int, int]]]:
    assert refusal.code == 1
    kept = pictures(stage)
    assert kept
    told: list[tuple[int, int]] = []
    gate = GateConfig(at_least={"cra": 0.7}, repeats=1)
    promotion = promote(
        stage.sweep.record,
        Demands(gate, override=Override.now(REASON)),
        trial=1,
        uri=stage.uri,
        progress=lambda done, total: told.append((done, total)),
    )
    return promotion, told


def test_a_gate_that_is_not_passed_registers_nothing_and_says_why(
    stage: Stage, refusal: Told
) -> None:
    assert refusal.code == 1
    assert "FAIL" in refusal.out
    assert "nothing is registered" in refusal.err
    assert "more pictures will not change" in refusal.err
    assert "--override" in refusal.err
    folder = stage.sweep.folder / "promoted"
    record = json.loads((folder / "0001.gate.json").read_text())
    (line,) = record["lines"]
    assert record["outcome"] == "failed"
    assert (line["metric"], line["threshold"], line["passed"]) == ("cra", 0.7, False)
    assert line["low"] <= line["value"] < 0.7 < line["base"]
    assert record["judge"]["classifier"]["name"] == "second-classifier"
    assert not (folder / "0001.json").exists()


def test_mlflow_has_the_verdict_line_by_line(
    stage: Stage, overridden: tuple[Promotion, object]
) -> None:
    client = connect(stage.uri, timeout=5)
    run = client.get_run(overridden[0].run)
    assert run.data.tags["gate"] == "overridden"
    assert run.data.tags["gate.cra"].startswith("fail: cra >= 0.7, bound 0.")
    path = client.download_artifacts(run.info.run_id, "gate.json")
    table = json.loads(Path(path).read_text())
    column = table["columns"].index("outcome")
    assert [row[column] for row in table["data"]] == ["failed", "overridden"]


def test_a_line_that_passes_does_not_hide_one_of_the_same_metric_that_fails(
    overridden: tuple[Promotion, object],
) -> None:
    gate = overridden[0].gate
    easy = replace(gate.lines[0], threshold=0.01, compared="value")
    tag = tags_of(replace(gate, lines=(*gate.lines, easy)))["gate.cra"]
    assert tag.startswith("fail: cra >= 0.7, ")
    assert "; pass: cra >= 0.01, " in tag


def test_an_override_registers_with_reason_and_name(
    stage: Stage, overridden: tuple[Promotion, object]
) -> None:
    promotion, _ = overridden
    assert promotion.gate.outcome == "overridden"
    manifest = json.loads((promotion.folder / "manifest.json").read_text())
    assert manifest["outcome"] == "overridden"
    assert manifest["gate"]["at_least"] == {"cra": 0.7}
    # The sweep's own file has no gate.
    assert "at_least.cra" in promotion.gate.changed
    assert (manifest["override"]["reason"], manifest["override"]["who"]) == (
        REASON,
        getpass.getuser(),
    )
    version = connect(stage.uri, timeout=5).get_model_version_by_alias("tiny", "champion")
    assert REASON in version.tags["gate.override"]
    assert version.tags["gate"] == "overridden"
    assert "at_least.cra" in version.tags["gate.changed"]
    for text in (version.description, (promotion.folder / "README.md").read_text()):
        assert "overridden" in text
        assert "a drill &#124; of &#60;b&#62;the&#60;/b&#62; release" in text


def test_the_same_judgement_is_not_made_twice(
    stage: Stage, overridden: tuple[Promotion, list[tuple[int, int]]]
) -> None:
    _, told = overridden
    # Both models' answers were there: nothing is told of single pictures.
    assert told == [(16, 32), (32, 32)]
    assert not pictures(stage)


def test_a_model_that_passes_carries_its_story(stage: Stage) -> None:
    gate = GateConfig(at_least={"alignment": 0.5, "cra": 0.3}, at_most={"image_distance": 0.5})
    promotion = promote(stage.sweep.record, Demands(gate, {"erasure": 0.0}), uri=stage.uri)
    assert promotion.trial == 0
    assert promotion.gate.outcome == "passed"
    assert promotion.report.sampling.repeats == 4
    assert [line.compared for line in promotion.gate.lines] == ["bound"] * 3 + ["value"]
    manifest = json.loads((promotion.folder / "manifest.json").read_text())
    assert {"README.md", "gate.json", "gallery.png"} < set(manifest["files"])
    origin = manifest["provenance"]
    assert (origin["sweep"]["name"], origin["trial"]) == ("tiny", 0)
    assert origin["base"]["fingerprint"] == stage.base.fingerprint
    assert origin["images"]["number"] > origin["images"]["found"] == 0
    assert len(origin["weights"]["sha256"]) == len(origin["prompts"]["sha256"]) == 64
    assert origin["judges"]["classifier"] == promotion.report.judge.classifier.model_dump()
    assert origin["seeds"]["judged_by"] != origin["seeds"]["searched_by"] == 99
    assert origin["code"]["version"] == origin["dependencies"].get("unlearn-sweep", "0.1.0")
    assert {"torch", "optuna", "ray", "mlflow"} < set(origin["dependencies"])
    _, head, card = (promotion.folder / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head)["library_name"] == "diffusers"
    assert "| cra >= 0.3 |" in card
    assert "unlearn reproduce ." in card
    assert "](gallery.png)" in card
    run = connect(stage.uri, timeout=5).get_run(promotion.run)
    assert run.data.tags["gate"] == "passed"
    assert run.data.tags["gate.alignment"].startswith("pass: alignment >= 0.5, bound ")
    assert "gate.override" not in run.data.tags


def test_what_is_not_measured_does_not_pass(stage: Stage) -> None:
    gate = GateConfig(at_least={"earlier_ua": 0.1}, repeats=1)
    with pytest.raises(NotConfirmedError, match=r"not measured for earlier_ua >= 0\.1") as caught:
        promote(stage.sweep.record, Demands(gate), trial=0, uri="http://127.0.0.1:1")
    assert "nothing measures it here" in str(caught.value)
    assert caught.value.unrecorded


def test_the_searched_values_have_to_keep_to_the_gate_too(stage: Stage) -> None:
    record = stage.sweep.record
    demands = Demands(GateConfig(at_least={"erasure": 0.98}), {"alignment": 0.5})
    with pytest.raises(NothingQualifiesError, match=r"erasure >= 0\.98.*trial 0: erasure 0\.97"):
        candidate(record, demands, None)
    with pytest.raises(ValueError, match=r"trial 1: .*erasure 0\.5000 < 0\.98; .*--override"):
        candidate(record, demands, 1)
    let_through = Demands(demands.gate, demands.least_values, Override.now("why not"))
    trial, short = candidate(record, let_through, None)
    assert (trial.number, short) == (0, ("erasure 0.9700 < 0.98",))
    assert candidate(record, let_through, 1)[1] == ("erasure 0.5000 < 0.98",)
    # What the search does not measure, the second judgement decides alone.
    assert candidate(record, Demands(GateConfig(at_most={"kid": 1.0})), None)[0].number in (0, 1)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--set", "update.steps=3"], "--set: expected a setting of the gate"),
        (["--set", "gate.at_least.ua=0.9"], "gate.at_least.ua: expected at most 0.472"),
        (["--override", " "], "--override: expected a reason"),
    ],
)
def test_a_promotion_that_makes_no_sense_is_refused(
    stage: Stage, arguments: list[str], named: str
) -> None:
    assert_refused(tell("promote", stage.sweep.folder.name, *arguments), named)


def test_prompts_have_a_hash_of_their_own() -> None:
    def hashed(**prompts: int) -> str:
        tree = {"name": "x", "concept": {"kind": "object", "forget": ["bag"]}, "prompts": prompts}
        experiment = Experiment.model_validate(tree)
        found = prompts_hashed(build_prompt_set(experiment.concept, experiment.prompts))
        return str(found["sha256"])

    once = hashed(train=4, test=8)
    assert once == hashed(train=4, test=8)
    assert len({once, hashed(train=4, test=9), hashed(train=4, test=8, seed=1)}) == 3


def test_the_code_has_a_version_and_its_dependencies_too() -> None:
    found = code_version()
    assert found["version"]
    assert len(found.get("commit", "0" * 40)) == 40
    assert "pytest" not in dependencies()
