"""The CLIP judge against a computation of its own, and its habits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.canvas.clip import image_features, text_features
from pipeline.evaluation.alignment import ClipJudge
from pipeline.evaluation.locate import judge_folder

TEXTS = ["a red sneaker", "a photo of a bag", "trousers", "a red sneaker"]


@pytest.fixture(scope="module")
def folder() -> Path:
    return judge_folder("clip", "fashion-canvas")


@pytest.fixture(scope="module")
def clip(folder: Path) -> ClipJudge:
    return ClipJudge.load(folder)


def pictures(count: int = 4) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_features_are_those_the_clip_was_trained_with(clip: ClipJudge) -> None:
    own = clip.picture_features(pictures()), clip.text_features(TEXTS)
    theirs = (
        image_features(clip.model, pictures()),
        text_features(clip.model, clip.tokenizer, TEXTS),
    )
    for left, right in zip(own, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-5)


def test_features_have_unit_length(clip: ClipJudge) -> None:
    for features in (clip.picture_features(pictures()), clip.text_features(TEXTS)):
        torch.testing.assert_close(features.norm(dim=1), torch.ones(4))


def test_each_picture_is_compared_with_its_own_text(clip: ClipJudge) -> None:
    table = clip.picture_features(pictures()) @ clip.text_features(TEXTS).T
    torch.testing.assert_close(
        clip.cosines(clip.picture_features(pictures()), TEXTS), table.diagonal()
    )
    assert not torch.allclose(table[0, 1:3], table[0, :1], atol=1e-4)


def test_a_pair_does_not_depend_on_what_is_judged_with_it(clip: ClipJudge) -> None:
    many, texts = pictures(70), [TEXTS[row % 3] for row in range(70)]
    together = clip.cosines(clip.picture_features(many), texts)
    alone = clip.cosines(clip.picture_features(many[69:]), texts[69:])
    torch.testing.assert_close(together[69:], alone, rtol=0, atol=1e-5)


def test_a_text_is_encoded_once(folder: Path) -> None:
    clip = ClipJudge.load(folder)
    encoded: list[int] = []
    clip.model.text_model.register_forward_hook(
        lambda _module, inputs, _output: encoded.append(len(inputs[0]))
    )
    first = clip.text_features(TEXTS)
    assert torch.equal(first, clip.text_features(TEXTS))
    clip.text_features(["a dress", *TEXTS])
    assert encoded == [3, 1]


def test_pictures_of_another_size_are_brought_to_the_clips(clip: ClipJudge) -> None:
    smooth = F.interpolate(pictures()[:, :, :4, :4], (32, 32), mode="bilinear")
    large = F.interpolate(smooth, (96, 96), mode="bilinear")
    similarity = (clip.picture_features(smooth) * clip.picture_features(large)).sum(1)
    assert float(similarity.min()) > 0.98


def test_channels_are_scaled_as_the_folder_says(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "clip"
    shutil.copytree(folder, copied)
    path = copied / "preprocessor_config.json"
    scaling = json.loads(path.read_text())
    path.write_text(json.dumps({**scaling, "image_mean": [0.0] * 3, "image_std": [1.0] * 3}))
    plain, own = ClipJudge.load(folder), ClipJudge.load(copied)
    shown = pictures()
    # (x + 1) / 2 with no further scaling is what [-1, 1] scaling makes of (x + 1) / 2.
    torch.testing.assert_close(own.picture_features(shown), plain.picture_features((shown + 1) / 2))


def test_as_many_texts_as_pictures_are_expected(clip: ClipJudge) -> None:
    with pytest.raises(ValueError, match=r"one text a picture \(4\), got 3 texts"):
        clip.cosines(clip.picture_features(pictures()), TEXTS[:3])


def test_a_folder_without_a_clip_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a CLIP"):
        ClipJudge.load(tmp_path)
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "model.safetensors").write_bytes(b"not a tensor")
    with pytest.raises(ValueError, match="expected a CLIP in transformers' layout"):
        ClipJudge.load(broken)
