"""Both judges look at a picture once, and what they name follows from what they saw."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipeline.evaluation.alignment import ClipJudge
from pipeline.evaluation.classifier import AxisClassifier
from pipeline.evaluation.judges.axis_classifier import AxisJudge
from pipeline.evaluation.jury import Jury
from pipeline.evaluation.locate import JudgeKind, judge_folder

CPU = torch.device("cpu")

CLIP = judge_folder("clip", "fashion-canvas")
TEXTS = ["a photo of a bag", "a red sneaker", "trousers"] * 30


def pictures() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(len(TEXTS), 3, 32, 32, generator=generator) * 2 - 1


@pytest.mark.parametrize("kind", ["classifier", "second-classifier"])
def test_verdicts_follow_from_the_features(kind: JudgeKind) -> None:
    folder = judge_folder(kind, "fashion-canvas")
    verdicts, features = Jury(AxisJudge.load(folder, CPU), CLIP).judge(pictures(), TEXTS)
    classifier, clip = AxisClassifier.load(folder), ClipJudge.load(CLIP)
    with torch.no_grad():
        logits, named = classifier(pictures()), classifier.logits(features.classifier)
    for axis, probabilities in verdicts.probabilities.items():
        for each in (logits, named):
            torch.testing.assert_close(
                each[axis].double().softmax(1), probabilities, rtol=0, atol=1e-5
            )
    cosines = (features.clip * clip.text_features(TEXTS)).sum(1).double()
    torch.testing.assert_close(verdicts.cosines, cosines, rtol=0, atol=1e-6)
    torch.testing.assert_close(features.clip.norm(dim=1), torch.ones(len(TEXTS)))


def test_features_cost_no_second_look() -> None:
    judge = AxisJudge.load(judge_folder("classifier", "fashion-canvas"), CPU)
    jury = Jury(judge, CLIP)
    looked = {"classifier": 0, "clip": 0}

    def count(judge: str, inputs: tuple[Tensor, ...]) -> None:
        looked[judge] += len(inputs[0])

    judge.classifier.body.register_forward_pre_hook(lambda _, x: count("classifier", x))
    jury._clip.model.vision_model.register_forward_pre_hook(lambda _, x: count("clip", x))
    jury.judge(pictures(), TEXTS)
    assert looked == {"classifier": len(TEXTS), "clip": len(TEXTS)}
