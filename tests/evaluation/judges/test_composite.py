"""One judge an axis, of any kind, is one judge to those who ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.config import EvaluationConfig, Experiment, parse_space
from pipeline.config.evaluation import ClassifierConfig
from pipeline.diffusion import Store, load_model
from pipeline.evaluation import Report, evaluate, judge_folder
from pipeline.evaluation.judges.axis_classifier import AxisJudge
from pipeline.evaluation.judges.captions import captions_of
from pipeline.evaluation.judges.choose import judge_of
from pipeline.evaluation.judges.judge import Judge
from pipeline.evaluation.jury import Jury
from pipeline.prompts import build_prompt_set
from pipeline.prompts.vocabulary import vocabulary
from tests.evaluation.judges.tiny import CPU, TimmTransformer, clip, image_classifier, pictures

CAPTIONS = captions_of(vocabulary("fashion-canvas"))


def read(classifier: Any) -> ClassifierConfig:
    return EvaluationConfig.model_validate({"classifier": classifier}).classifier


def judge(classifier: Any) -> Judge:
    return judge_of(read(classifier), "classifier", CAPTIONS, CPU)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("judges")
    return {
        "vit": str(TimmTransformer(2).save(root / "vit", "day\nnight\n")),
        "image": str(image_classifier(root / "image", ("bag", "abbey", "dog"))),
        "clip": str(clip(root / "clip")),
    }


def test_every_kind_judges_its_axis(folders: dict[str, str]) -> None:
    parts: dict[str, dict[str, Any]] = {
        "attire": {"nudenet": {}},
        "object": {"transformers": {"model": folders["image"], "labels": {"bag": ["bag"]}}},
        "style": {"zero_shot": folders["clip"]},
        "colour": {"zero_shot": folders["clip"]},
        "time": {"unlearncanvas_vit": folders["vit"]},
        "background": {"axis_classifier": "fashion-canvas"},
    }
    both = judge(parts)
    shown = pictures(5, side=32)
    sight = both.look(shown)
    assert list(both.axes) == list(parts)
    assert both.axes["object"] == ["bag", "none of these"]
    assert both.axes["time"] == ["day", "night"]
    assert set(sight.seen) == {"attire", "object"}
    for axis, part in parts.items():
        alone = judge({axis: part})
        assert alone.axes == {axis: both.axes[axis]}
        torch.testing.assert_close(
            sight.probabilities[axis], alone.look(shown).probabilities[axis], rtol=0, atol=1e-7
        )
    # Of the first that has any: a detector has none.
    features = judge({"object": parts["object"]}).look(shown).features
    assert features is not None
    assert sight.features is not None
    assert torch.equal(sight.features, features)


def test_an_identity_holds_those_of_its_judges(folders: dict[str, str]) -> None:
    parts = {"attire": {"nudenet": {}}, "style": {"zero_shot": folders["clip"]}}
    identity = judge(parts).identity
    assert identity.name == "nudenet (attire), clip (style)"
    assert isinstance(identity.settings["attire"], dict)
    settings = identity.settings["attire"]["settings"]
    assert isinstance(settings, dict)
    assert settings["threshold"] == 0.6
    assert json.loads(identity.model_dump_json())["settings"] == identity.settings
    other = judge({**parts, "attire": {"nudenet": {"threshold": 0.7}}}).identity
    assert other.fingerprint != identity.fingerprint


def test_a_detectors_pictures_are_compared_by_clip() -> None:
    jury = Jury(judge({"attire": {"nudenet": {}}}), judge_folder("clip", "fashion-canvas"))
    verdicts, features = jury.judge(pictures(3, side=32), ["a bag"] * 3)
    assert verdicts.predicted("attire").tolist() == [1, 1, 1]
    assert verdicts.rows(slice(0, 2)).predicted("attire").tolist() == [1, 1]
    torch.testing.assert_close(features.classifier, features.clip * features.clip.shape[1] ** 0.5)


def test_axes_that_a_judge_cannot_judge_are_refused(folders: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"classifier\.place: expected an axis with captions"):
        judge({"place": {"zero_shot": folders["clip"]}})
    with pytest.raises(ValueError, match=r"place\.axis_classifier: expected a classifier of this"):
        judge({"place": {"axis_classifier": "fashion-canvas"}})
    with pytest.raises(ValueError, match="unlearncanvas_vit 'nowhere': expected a folder; there"):
        judge({"style": {"unlearncanvas_vit": "nowhere"}})
    with pytest.raises(ValueError, match="expected a folder, or a hub id"):
        judge({"style": {"transformers": {"model": "nowhere"}}})


def test_a_name_alone_is_the_embedded_classifier_as_it_was() -> None:
    named = judge("fashion-canvas")
    plain = AxisJudge.load(judge_folder("classifier", "fashion-canvas"), CPU)
    assert isinstance(named, AxisJudge)
    assert named.identity == plain.identity
    assert named.identity.settings == {}


def test_a_model_is_judged_by_several_from_end_to_end(tmp_path: Path) -> None:
    experiment = experiment_with(
        {
            "object": {"axis_classifier": "fashion-canvas"},
            "style": {"zero_shot": "fashion-canvas"},
            "attire": {"nudenet": {}},
        }
    )
    base = load_model("fashion-canvas")
    prompt_set = build_prompt_set(experiment.concept, experiment.prompts)
    store = Store(tmp_path / "store")
    first, again = (
        evaluate(base, prompt_set, experiment, store, base=base).report for _ in range(2)
    )
    assert again.pictures == first.pictures  # what a detector saw comes back from the store
    assert {each.seen["attire"] for each in first.pictures} == {"clothed"}
    assert first.metrics["ira"] >= 0.5
    first.save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json") == first
    assert evaluate(base, prompt_set, experiment, store, base=base).blurred


def experiment_with(classifier: Any) -> Experiment:
    tree = {
        "name": "judged",
        "concept": {"kind": "object", "forget": ["sneaker"]},
        "prompts": {"train": 4, "test": 12},
        "evaluation": {"steps": 8, "classifier": classifier},
    }
    return parse_space(tree).fixed()
