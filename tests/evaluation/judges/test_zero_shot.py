"""Zero-shot CLIP against transformers' own head."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import CLIPModel, CLIPTokenizer

from pipeline.evaluation.judges.zero_shot import ZeroShotJudge
from tests.diffusion.tiny.tokenizers import LENGTH
from tests.evaluation.judges.tiny import CPU, clip, pictures

CAPTIONS = {
    "object": {"bag": "a picture of a bag", "boot": "a picture of a boot"},
    "style": {"neon": "a neon picture", "photo": "a photo", "watercolour": "a watercolour picture"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("clip"))


def test_probabilities_are_those_of_clips_own_logits(folder: Path) -> None:
    judge = ZeroShotJudge(folder, CAPTIONS, CPU)
    shown = pictures(70, side=16)
    sight = judge.look(shown)
    assert judge.axes == {"object": ["bag", "boot"], "style": ["neon", "photo", "watercolour"]}
    model, tokenizer = CLIPModel.from_pretrained(folder), CLIPTokenizer.from_pretrained(folder)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
    for axis, captions in CAPTIONS.items():
        texts = tokenizer(
            list(captions.values()), padding="max_length", max_length=LENGTH, return_tensors="pt"
        )
        with torch.no_grad():
            logits = model(
                input_ids=texts.input_ids, pixel_values=((shown + 1) / 2 - mean) / std
            ).logits_per_image
        torch.testing.assert_close(
            sight.probabilities[axis], logits.double().softmax(1), rtol=0, atol=1e-5
        )
        assert sight.probabilities[axis].std() > 0
    assert sight.features is not None
    torch.testing.assert_close(sight.features.norm(dim=1), torch.full((70,), 4.0))  # sqrt(16)


def test_captions_are_part_of_the_identity(folder: Path) -> None:
    one = ZeroShotJudge(folder, {"style": CAPTIONS["style"]}, CPU).identity
    other = ZeroShotJudge(
        folder, {"style": {**CAPTIONS["style"], "neon": "neon lights"}}, CPU
    ).identity
    assert one.fingerprint != other.fingerprint
    assert one.settings == {"captions": {"style": CAPTIONS["style"]}}
