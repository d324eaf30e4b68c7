"""Judges in a file: what can be said, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config import ConfigError, Experiment, dump_experiment, parse_space


def experiment(**evaluation: Any) -> Experiment:
    tree = {
        "name": "judged",
        "concept": {"kind": "object", "forget": ["church"]},
        "evaluation": evaluation,
    }
    return parse_space(tree).fixed()


def test_judges_are_read_and_written() -> None:
    read = experiment(
        classifier={
            "object": {"transformers": {"model": "owner/name", "labels": {"church": ["abbey"]}}},
            "attire": {"nudenet": {"threshold": 0.7}},
        },
        second_classifier={"object": {"zero_shot": "openai/clip-vit-large-patch14"}},
        blur=False,
    )
    assert parse_space(dump_experiment(read)).fixed() == read
    assert [place for place, _ in read.evaluation.judges] == [
        "classifier.object",
        "classifier.attire",
        "second_classifier.object",
    ]


KINDS = "exactly one of nudenet, zero_shot, unlearncanvas_vit, transformers, axis_classifier"


@pytest.mark.parametrize(
    ("evaluation", "told"),
    [
        (
            {"classifier": {"object": {"nudenett": {}}}},
            f"evaluation.classifier.object: expected {KINDS}, got 'nudenett' (did you mean nudenet",
        ),
        (
            {"classifier": {"object": {"nudenet": None}}},
            f"{KINDS}, got 'none of them' (for example",
        ),
        (
            {"classifier": {"object": {"nudenet": {}, "zero_shot": "a/b"}}},
            f"evaluation.classifier.object: expected {KINDS}, got 'nudenet, zero_shot'",
        ),
        (
            {"classifier": {"object": {"nudenet": {"threshold": 0.1}}}},
            "evaluation.classifier.object.nudenet.threshold: expected a number of 0.25 or more",
        ),
        (
            {"classifier": {"object": {"nudenet": {"classes": ["FACE_FEMAL"]}}}},
            "did you mean FACE_FEMALE?",
        ),
        (
            {"classifier": {"style": {"zero_shot": "a/b"}}},
            "evaluation.classifier: expected a judge of the axis object, which church lies on",
        ),
        ({"classifier": {}}, "evaluation.classifier: expected at least 1 of them"),
        ({"classifier": 3}, "evaluation.classifier: expected text, got 3"),
        (
            {
                "classifier": {
                    "object": {"transformers": {"model": "a/b", "labels": {"a": ["x"], "b": ["x"]}}}
                }
            },
            "evaluation.classifier.object.transformers.labels.b: expected each label once",
        ),
        (
            {"classifier": "mine", "second_classifier": "mine"},
            "evaluation.second_classifier: expected another classifier than evaluation.classifier",
        ),
        ({"blur": "yes"}, "evaluation.blur: expected true or false, got yes"),
    ],
)
def test_mistakes_are_told_where_they_are(evaluation: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        experiment(**evaluation)
    assert told in str(caught.value)
