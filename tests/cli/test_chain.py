"""Erasure after erasure, by the real commands: two at once on a base that has forgotten already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Experiment, load_space
from pipeline.diffusion import load_model
from pipeline.evaluation import Report
from pipeline.search.places import EXPERIMENT, REPORT
from tests.cli.command import SMOKE, run_unlearn

pytestmark = pytest.mark.timeout(900)

ALSO = "concept.also=[{kind: object, forget: [bag]}]"
SECOND = [*("--set", "concept.kind=style", "--set", "concept.forget=[neon]", "--set", ALSO)]


def told(home: Path, *arguments: object) -> str:
    ran = run_unlearn(home, *arguments)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sweeps, the second on the first one's champion, and both promoted."""
    folder = tmp_path_factory.mktemp("home")
    strong = ["--trials", 1, "--set", "update.learning_rate=2e-3", "--set", "update.steps=6"]
    told(folder, "sweep", SMOKE, "--name", "first", *strong)
    told(folder, "promote", "first")
    base = ["--set", "model.base=first/champion"]
    told(folder, "sweep", SMOKE, "--name", "second", *strong, *SECOND, *base)
    return folder


@pytest.fixture(scope="module")
def promotion(home: Path) -> str:
    return told(home, "promote", "second", "--at-least", "earlier_ua=0.0")


def manifest(home: Path, sweep: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (home / "sweeps" / sweep / "promoted" / "0000" / "manifest.json").read_text()
    )
    return found


def trial(home: Path, sweep: str) -> tuple[Experiment, Report]:
    folder = home / "sweeps" / sweep / "trials" / "0000"
    return load_space(folder / EXPERIMENT).fixed(), Report.load(folder / REPORT)


def test_a_trial_of_the_second_erasure_stands_by_itself(home: Path) -> None:
    experiment, _ = trial(home, "second")
    recorded = load_space(home / "sweeps" / "second" / "space.yaml")
    assert recorded.concept.erased == experiment.concept.erased
    assert experiment.model.base == str(home / "sweeps" / "first" / "promoted" / "0000")
    (sneaker,) = experiment.concept.erased
    assert (sneaker.forget, sneaker.test, sneaker.seed) == (("sneaker",), 24, 0)
    assert sneaker.base == load_model("fashion-canvas").fingerprint
    assert sneaker.model == load_model(experiment.model.base).fingerprint
    # The search's classifier and the second one.
    assert len({verdict.classifier for verdict in sneaker.judged}) == 2


def test_no_prompt_of_the_second_erasure_names_the_first(home: Path) -> None:
    prompts = json.loads((home / "sweeps" / "second" / "prompts.json").read_text())
    assert prompts["report"]["erased_before"] == ["sneaker"]
    assert "sneaker" not in json.dumps({k: v for k, v in prompts.items() if k != "report"})


def test_the_first_erasure_is_judged_again_on_its_own_pictures(home: Path) -> None:
    _, first = trial(home, "first")
    _, second = trial(home, "second")
    (sneaker,) = second.regression
    assert (sneaker.concept, sneaker.pictures) == ("sneaker", first.images.forget)
    assert sneaker.promoted is not None
    assert sneaker.difference is not None
    assert sneaker.promoted.ua == first.metrics["ua"]
    assert sneaker.promoted.erasure == first.metrics["erasure"]
    # Its base is that very model, on the very prompts and noise.
    assert sneaker.base.erasure == pytest.approx(first.metrics["erasure"], abs=0.02)
    assert sneaker.difference.ua == sneaker.now.ua - sneaker.promoted.ua
    assert sneaker.difference.erasure == sneaker.now.erasure - sneaker.promoted.erasure
    assert second.metrics["earlier_ua"] == sneaker.now.ua
    assert second.metrics["earlier_erasure"] == sneaker.now.erasure
    assert second.base_metrics["earlier_erasure"] == sneaker.base.erasure
    assert "earlier_ua" not in first.metrics


def test_the_experiment_of_the_first_erasure_says_the_same_of_the_second_model(
    home: Path,
) -> None:
    """An independent way to the same number: the model as if the first experiment had made it."""
    experiment = home / "sweeps" / "first" / "trials" / "0000" / EXPERIMENT
    told(home, "evaluate", "second/0", "--experiment", experiment, "--out", "again")
    again = Report.load(home / "again" / "report.json")
    (sneaker,) = trial(home, "second")[1].regression
    assert sneaker.now.erasure == pytest.approx(again.metrics["erasure"], abs=0.02)
    assert again.model == trial(home, "second")[1].model


def test_two_concepts_are_judged_each_for_itself(home: Path) -> None:
    _, report = trial(home, "second")
    assert list(report.by_concept) == ["neon", "bag"]
    for name in ("erasure", "ua", "worst_neighbour"):
        singly = [values[name] for values in report.by_concept.values()]
        assert report.metrics[name] == min(singly)
    asked = [picture.asked for picture in report.pictures]
    forget, retain = asked[: report.images.forget], asked[report.images.forget :]
    assert all((each["style"] == "neon") != (each["object"] == "bag") for each in forget)
    assert sum(each["style"] == "neon" for each in forget) == len(forget) / 2
    gone = {"neon", "bag", "sneaker"}
    assert not any(gone & set(each.values()) for each in retain)
    for kind, metric in (("style", "ira"), ("object", "cra")):
        hits = [
            each.seen[kind] == each.asked[kind] for each in report.pictures[report.images.forget :]
        ]
        assert report.metrics[metric] == pytest.approx(sum(hits) / len(hits))


def test_a_promotion_shows_what_has_come_back_and_can_be_bound_by_it(
    home: Path, promotion: str
) -> None:
    assert "erased earlier" in promotion
    report = Report.load(home / "sweeps" / "second" / "promoted" / "0000" / REPORT)
    first = Report.load(home / "sweeps" / "first" / "promoted" / "0000" / REPORT)
    (sneaker,) = report.regression
    # The second judge's numbers are compared with its own.
    assert sneaker.promoted is not None
    assert sneaker.promoted.erasure == first.metrics["erasure"]
    assert f"{sneaker.now.ua:.3f}" in promotion
    refused = run_unlearn(home, "promote", "second", "--at-least", "earlier_ua=1.5")
    assert refused.returncode == 1
    assert "earlier_ua" in refused.stderr


def test_the_manifest_carries_the_whole_lineage(home: Path, promotion: str) -> None:
    assert promotion
    first, second = (manifest(home, name)["lineage"] for name in ("first", "second"))
    assert second[0] == first[0]
    assert [each["forget"] for each in second] == [["sneaker"], ["neon"]]
    assert [each["forget"] for each in second[1]["also"]] == [["bag"]]
    assert second[1]["base"] == second[0]["model"] == manifest(home, "first")["model"]
    assert second[1]["model"] == manifest(home, "second")["model"]
    assert second[0]["base"] == load_model("fashion-canvas").fingerprint
    for verdict in second[1]["judged"]:
        assert set(verdict["erasure"]) == set(verdict["ua"]) == {"neon", "bag"}


def test_what_is_gone_is_not_erased_again(home: Path) -> None:
    base = home / "sweeps" / "first" / "promoted" / "0000"
    refused = run_unlearn(home, "sweep", SMOKE, "--name", "third", "--set", f"model.base={base}")
    assert refused.returncode == 2
    assert "sneaker stands in concept.erased.0 already" in refused.stderr
    assert "Traceback" not in refused.stderr
    contradicted = run_unlearn(
        home,
        *("train", SMOKE, "--set", f"model.base={base}", *SECOND),
        *("--set", "concept.erased=[{kind: object, forget: [dress]}]"),
    )
    assert contradicted.returncode == 2
    assert "concept.erased: expected what" in contradicted.stderr


def test_train_knows_the_earlier_erasures_too(home: Path) -> None:
    told(home, "train", "--sweep", "second", "--trial", 0, "--out", "trained")
    _, trained = trial(home, "second")
    again = Report.load(home / "trained" / "report.json")
    assert again.regression == trained.regression
