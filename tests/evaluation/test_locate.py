"""Names of judges become folders, or a message that says what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.evaluation.classifier import AxisClassifier
from pipeline.evaluation.locate import JudgeKind, judge_folder


@pytest.mark.parametrize("kind", ["classifier", "second-classifier"])
def test_the_embedded_classifiers_load(kind: JudgeKind) -> None:
    classifier = AxisClassifier.load(judge_folder(kind, "fashion-canvas"))
    assert {"object", "style"} <= set(classifier.axes)


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert judge_folder("classifier", str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["nowhere", "./some/where", "owner/name"])
def test_a_missing_classifier_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"classifier '.*': expected `fashion-canvas`"):
        judge_folder("classifier", name)


def test_a_missing_clip_may_also_come_from_the_hub() -> None:
    with pytest.raises(ValueError, match="or a hub id such as owner/name"):
        judge_folder("clip", "no-such-clip")
    with pytest.raises(ValueError, match="could not be fetched from the hub"):
        judge_folder("clip", "nobody/no-such-clip")  # tests run without the hub
