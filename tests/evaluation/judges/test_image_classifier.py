"""Any image classifier of transformers: its own logits, and what its labels mean."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoImageProcessor, ViTConfig, ViTForImageClassification, ViTModel

from pipeline.evaluation.judges.image_classifier import ImageClassifierJudge
from tests.evaluation.judges.tiny import CPU, image_classifier, pictures

LABELS = ("church, church building", "abbey", "crane", "crane, bird", "dog, hound")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_classifier(tmp_path_factory.mktemp("judge"), LABELS)


def test_probabilities_are_those_of_the_model(folder: Path) -> None:
    judge = ImageClassifierJudge.load(folder, "object", {}, CPU)
    shown = pictures(70)
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    levels = list(((shown + 1) * 127.5).round().byte())
    with torch.no_grad():
        model = ViTForImageClassification.from_pretrained(folder)
        logits = model(processor(images=levels, return_tensors="pt")["pixel_values"]).logits
    sight = judge.look(shown)
    assert judge.axes == {"object": list(LABELS)}
    torch.testing.assert_close(
        sight.probabilities["object"], logits.double().softmax(1), rtol=0, atol=1e-5
    )
    assert sight.seen == {}
    assert sight.features is not None
    torch.testing.assert_close(model.classifier(sight.features), logits, rtol=0, atol=1e-4)


def test_labels_are_summed_and_the_most_probable_one_is_seen(folder: Path) -> None:
    plain = ImageClassifierJudge.load(folder, "object", {}, CPU).look(pictures(200))
    groups = {"holy place": ("church", "abbey"), "dog": ("dog, hound",)}
    judge = ImageClassifierJudge.load(folder, "object", groups, CPU)
    sight = judge.look(pictures(200))
    assert judge.axes == {"object": ["holy place", "dog", "none of these"]}
    each = plain.probabilities["object"]
    wanted = torch.stack([each[:, 0] + each[:, 1], each[:, 4], each[:, 2] + each[:, 3]], 1)
    torch.testing.assert_close(sight.probabilities["object"], wanted)
    seen = sight.seen["object"]
    assert torch.equal(seen, torch.tensor([0, 0, 2, 2, 1])[each.argmax(1)])
    assert not torch.equal(seen, wanted.argmax(1))  # the rule is not the largest sum


def test_there_is_no_rest_where_every_label_means_something(folder: Path) -> None:
    groups = {"building": ("church", "abbey"), "animal": ("crane, bird", "dog", "crane")}
    judge = ImageClassifierJudge.load(folder, "object", groups, CPU)
    assert judge.axes == {"object": ["building", "animal"]}


def test_labels_that_are_none_or_several_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"labels\.dog: expected one of the classifier's 5 labels"):
        ImageClassifierJudge.load(folder, "object", {"dog": ("wolf",)}, CPU)
    other = image_classifier(tmp_path / "other", ("crane, machine", "crane, bird"))
    with pytest.raises(ValueError, match="write 'crane, machine' or 'crane, bird'"):
        ImageClassifierJudge.load(other, "object", {"bird": ("crane",)}, CPU)


def test_what_labels_mean_is_part_of_the_identity(folder: Path) -> None:
    identities = [
        ImageClassifierJudge.load(folder, "object", groups, CPU).identity
        for groups in ({}, {"dog": ("dog, hound",)}, {"bird": ("crane, bird",)})
    ]
    assert len({each.fingerprint for each in identities}) == 3
    assert identities[0].settings == {}
    assert identities[1].settings == {"labels": {"dog": ["dog, hound"]}}


def test_folders_of_other_things_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected an image classifier in transformers' layout"):
        ImageClassifierJudge.load(tmp_path, "object", {}, CPU)
    headless = tmp_path / "headless"
    shutil.copytree(folder, headless)
    config = ViTConfig.from_pretrained(folder)
    ViTModel(config).save_pretrained(headless)
    with pytest.raises(ValueError, match=r"found none for classifier\.bias, classifier\.weight"):
        ImageClassifierJudge.load(headless, "object", {}, CPU)
