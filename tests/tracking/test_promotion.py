"""Promotion: judged again by other eyes, complete on disk, champion in the registry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from pipeline.cli.models import find_model, with_known_base
from pipeline.config import ConfigError, parse_space
from pipeline.diffusion.load import load_model
from pipeline.diffusion.store import Store
from pipeline.evaluation.judge import evaluate
from pipeline.evaluation.locate import judge_folder
from pipeline.evaluation.report import Report
from pipeline.prompts import build_prompt_set
from pipeline.search.places import store_root
from pipeline.tracking.connection import connect
from pipeline.tracking.promotion import (
    NotConfirmedError,
    Promotion,
    promote,
)
from pipeline.tracking.registry import Listing
from tests.tracking.stage import ONCE, SEED, SPACE, Stage, a_stage
from tests.tracking.sweeps import Sweep


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Stage]:
    with a_stage(tmp_path_factory.mktemp("home"), empty_database) as built:
        yield built


@pytest.fixture(autouse=True)
def _home_of_the_stage(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base's pictures are made once for all tests here."""
    monkeypatch.setenv("UNLEARN_HOME", str(stage.sweep.folder.parent.parent))


@pytest.fixture(scope="module")
def promotion(stage: Stage) -> Promotion:
    return promote(stage.sweep.record, {"erasure": 0.0, "ua": 0.0}, uri=stage.uri, judgement=ONCE)


def test_the_member_with_most_to_spare_is_promoted(stage: Stage, promotion: Promotion) -> None:
    assert promotion.trial == 0
    assert promotion.folder == stage.sweep.folder / "promoted" / "0000"
    assert not list(promotion.folder.parent.glob(".*"))


def test_other_eyes_judged_other_pictures(promotion: Promotion) -> None:
    report = promotion.report
    assert Report.load(promotion.folder / "report.json") == report
    assert report.judge.classifier.name == "second-classifier"
    assert report.sampling.seed == SEED
    assert report.images.forget + report.images.retain == 16


def test_the_manifest_names_every_file_and_where_it_comes_from(
    stage: Stage, promotion: Promotion
) -> None:
    manifest = json.loads((promotion.folder / "manifest.json").read_text())
    found = {
        path.relative_to(promotion.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in promotion.folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert {name: entry["sha256"] for name, entry in manifest["files"].items()} == found
    assert {"model_index.json", "report.json", "gallery.png"} < set(found)
    assert (manifest["sweep"], manifest["trial"]) == ("tiny", 0)
    assert manifest["base"]["fingerprint"] == stage.base.fingerprint
    assert manifest["params"] == stage.sweep.record.trials[0].params
    assert manifest["model"] == load_model(promotion.folder).fingerprint
    assert manifest["versions"]["torch"] == version("torch")
    judgement = manifest["judgement"]
    assert (judgement["seat"], judgement["seed"], judgement["repeats"]) == ("second", SEED, 1)


def test_plain_diffusers_draws_the_pictures_that_were_judged(
    stage: Stage, promotion: Promotion
) -> None:
    experiment = stage.sweep.record.space.fill({"update.learning_rate": 1e-4})
    judged = evaluate(
        load_model(promotion.folder),
        build_prompt_set(experiment.concept, experiment.prompts),
        experiment,
        Store(store_root()),
        seat="second",
        seed=SEED,
    )
    assert judged.report.pictures == promotion.report.pictures
    plain = StableDiffusionPipeline.from_pretrained(promotion.folder)
    plain.set_progress_bar_config(disable=True)
    pictures = promotion.report.pictures
    latents = [
        torch.randn(stage.base.latent_shape, generator=torch.Generator().manual_seed(picture.seed))
        for picture in pictures
    ]
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        drawn = plain(
            [picture.text for picture in pictures],
            latents=torch.stack(latents),
            num_inference_steps=experiment.evaluation.steps,
            guidance_scale=experiment.evaluation.guidance,
            output_type="pt",
        ).images
    # Text and latents are rounded at other places here: a few of 256 levels, not other pictures.
    off = (drawn.float() * 2 - 1 - judged.images).abs().mean(dim=(1, 2, 3))
    from_base = (judged.base_images - judged.images).abs().mean(dim=(1, 2, 3))
    assert float(off.max()) < 0.04
    assert float(off.mean()) < float(from_base.mean()) / 3


def test_the_registry_holds_the_folder_and_its_champion(
    stage: Stage, promotion: Promotion, tmp_path: Path
) -> None:
    registered = promotion.registered
    assert (registered.name, registered.version, registered.previous) == ("tiny", 1, None)
    client = connect(stage.uri, timeout=5)
    champion = client.get_model_version_by_alias("tiny", "champion")
    assert champion.run_id == promotion.run
    assert champion.tags["concept"] == "sneaker"
    assert champion.source.startswith(f"runs:/{promotion.run}/")
    path = champion.source.removeprefix(f"runs:/{promotion.run}/")
    fetched = Path(client.download_artifacts(promotion.run, path, str(tmp_path)))
    assert load_model(fetched).fingerprint == promotion.report.model
    run = client.get_run(promotion.run)
    assert run.data.tags["promoted"] == "tiny version 1, champion"
    assert run.data.tags["trial"] == "0"
    assert run.data.metrics["promotion/ua"] == promotion.report.metrics["ua"]


def test_a_later_promotion_leaves_the_earlier_version_as_it_was(
    stage: Stage, promotion: Promotion
) -> None:
    again = promote(stage.sweep.record, {}, trial=1, uri=stage.uri, judgement=ONCE)
    assert (again.registered.version, again.registered.previous) == (2, 1)
    client = connect(stage.uri, timeout=5)
    versions = {
        alias: int(client.get_model_version_by_alias("tiny", alias).version)
        for alias in ("champion", "previous")
    }
    assert versions == {"champion": 2, "previous": 1}
    assert client.get_model_version("tiny", "1").run_id == promotion.run


def test_what_changed_is_promoted_alone(stage: Stage) -> None:
    whole = stage.sweep.folder / "promoted" / "0001"
    before = (whole / "manifest.json").read_bytes()
    alone = promote(stage.sweep.record, {}, trial=1, uri=stage.uri, judgement=ONCE, form="delta")
    manifest = json.loads((alone.folder / "manifest.json").read_text())
    assert (manifest["form"], manifest["weights"]) == ("delta", "weights.safetensors")
    # Version 2, of the same trial, stays what it is and is called what it is.
    assert alone.folder == whole.with_name("0001-2")
    assert (whole / "manifest.json").read_bytes() == before
    assert json.loads(whole.with_suffix(".json").read_text())["standing"] == "previous"
    assert not (alone.folder / "model_index.json").exists()
    files = {name for name in manifest["files"] if not name.startswith("samples/")}
    story = {"report.json", "gallery.png", "README.md", "gate.json"}
    assert files == {"weights.safetensors", *story}
    version = connect(stage.uri, timeout=5).get_model_version_by_alias("tiny", "champion")
    assert version.tags["form"] == "delta"
    for name in ("tiny/champion", str(alone.folder)):
        assert find_model(name).load().fingerprint == alone.report.model
    with pytest.raises(ConfigError, match="--as folder"):
        with_known_base(parse_space(SPACE + "model: {base: tiny/champion}"))
    with pytest.raises(ValueError, match="--as lora: expected a trial that trained adapters"):
        promote(stage.sweep.record, {}, trial=1, uri=stage.uri, judgement=ONCE, form="lora")
    (alone.folder / "manifest.json").write_text(json.dumps({**manifest, "weights": "../x"}))
    with pytest.raises(ValueError, match="expected a file of this folder as weights"):
        find_model(str(alone.folder))


def test_what_the_second_judge_does_not_confirm_is_not_promoted(stage: Stage) -> None:
    # Its weights are noise, whatever the search's record says.
    with pytest.raises(
        NotConfirmedError, match=r"trial 1: .*measured 0\.\d+ for cra >= 0\.95"
    ) as caught:
        promote(stage.sweep.record, {"cra": 0.95}, trial=1, uri=stage.uri, judgement=ONCE)
    assert caught.value.report.metrics["cra"] < 0.95
    # The judgement stays, should anybody ask for it again.
    left = [path.name for path in (stage.sweep.folder / "promoted").glob(".*")]
    assert left == [".0001.pictures"]


def test_a_model_of_another_concept_is_refused_before_the_judgement(stage: Stage) -> None:
    client = connect(stage.uri, timeout=5)
    client.create_registered_model("bags")
    client.create_model_version("bags", str(stage.sweep.folder), tags={"concept": "bag"})
    into = Listing("bags")

    def told(*_: int) -> None:
        pytest.fail("it is judged")

    with pytest.raises(ValueError, match="whose version 1 erased bag; name another"):
        promote(stage.sweep.record, {}, trial=0, uri=stage.uri, progress=told, listing=into)


def test_a_server_that_is_away_costs_no_judgement(stage: Stage) -> None:
    with pytest.raises(ValueError, match=r"the judged folder stays in .*0000"):
        promote(stage.sweep.record, {}, trial=0, uri="http://127.0.0.1:1", judgement=ONCE)
    assert (stage.sweep.folder / "promoted" / "0000" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("trial", "bounds", "message"),
    [
        (7, {}, r"trial 7: expected a complete trial of tiny \(0, 1\), got no such trial"),
        (1, {"eraser": 0.9}, r"eraser: expected a metric of the report"),
        (1, {"erasure": 0.9}, r"trial 1: expected it to meet every bound, got erasure 0.5000"),
    ],
)
def test_a_trial_that_will_not_do_is_refused_at_once(
    stage: Stage, trial: int, bounds: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        promote(stage.sweep.record, bounds, trial=trial, uri=stage.uri)


def test_the_searchs_own_classifier_is_no_second_one(tmp_path: Path) -> None:
    own = judge_folder("classifier", "fashion-canvas")
    text = SPACE.replace("steps: 2", f"steps: 2, classifier: {own}")
    sweep = Sweep(tmp_path / "tiny", ((0.9, 0.9),), text=text)
    (sweep.trial(0) / "weights.safetensors").touch()
    with pytest.raises(ValueError, match="expected a second classifier that no search has used"):
        promote(sweep.record, {})


def test_missing_weights_are_named(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "tiny", ((0.9, 0.9),), text=SPACE)
    with pytest.raises(ValueError, match="trial 0: expected weights, there are none"):
        promote(sweep.record, {})
