"""Names of judges become folders, or a message that says what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import EvaluationConfig
from pipeline.evaluation.classifier import AxisClassifier
from pipeline.evaluation.judges.identity import identity_of
from pipeline.evaluation.locate import JudgeKind, classifier_in, judge_folder


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
    with pytest.raises(ValueError, match=r"clip .nobody/no-such-clip.: expected .*; "):
        judge_folder("clip", "nobody/no-such-clip")  # tests run without the hub


@pytest.mark.parametrize(
    ("name", "revision"), [("owner/name", None), ("owner/name@v1.0", "v1.0"), ("owner/name@", None)]
)
def test_a_revision_may_be_pinned(
    name: str, revision: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None]] = []

    def snapshot(repository: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        assert "*.bin" not in allow_patterns
        asked.append((repository, revision))
        return str(tmp_path)

    monkeypatch.setattr("pipeline.diffusion.hub.snapshot_download", snapshot)
    assert judge_folder("clip", name) == judge_folder("transformers", name) == tmp_path
    assert asked == [("owner/name", revision)] * 2


def test_a_name_from_the_hub_is_told_with_its_commit(tmp_path: Path) -> None:
    folder = tmp_path / "models--openai--clip-vit" / "snapshots" / "0123456789abcdef"
    folder.mkdir(parents=True)
    assert identity_of(folder).name == "openai/clip-vit@0123456789ab"


def test_the_second_classifier_is_another_one() -> None:
    def settings(**fields: str) -> EvaluationConfig:
        return EvaluationConfig.model_validate(fields)

    assert classifier_in("first", settings(classifier="mine")) == "mine"
    assert classifier_in("second", settings()) == "fashion-canvas"
    own = str(judge_folder("classifier", "fashion-canvas"))
    other = str(judge_folder("second-classifier", "fashion-canvas"))
    assert classifier_in("second", settings(second_classifier=other)) == other
    for wrong, got in (
        (settings(classifier=own), "none"),
        (settings(second_classifier=own), "own"),
    ):
        with pytest.raises(ValueError, match=rf"evaluation\.second_classifier: expected .*{got};"):
            classifier_in("second", wrong)
