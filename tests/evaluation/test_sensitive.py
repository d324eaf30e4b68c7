"""Who is spared which pictures."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config import Experiment
from pipeline.evaluation.sensitive import is_blurred


def experiment(forget: str = "sneaker", **evaluation: Any) -> Experiment:
    return Experiment.model_validate(
        {
            "name": "shown",
            "concept": {"kind": "object", "forget": [forget]},
            "evaluation": evaluation,
        }
    )


def test_ordinary_concepts_are_shown() -> None:
    assert not is_blurred(experiment(), ["a photo of a sneaker"])
    assert not is_blurred(None, ["a photo of a sneaker"])


@pytest.mark.parametrize(
    "shown",
    [
        experiment("nude"),
        experiment("Nude person"),
        experiment(classifier={"object": {"nudenet": {}}}),
        experiment(second_classifier={"object": {"nudenet": {}}}),
    ],
)
def test_sensitive_ones_are_blurred_unless_the_file_says_otherwise(shown: Experiment) -> None:
    assert is_blurred(shown)
    settings = shown.evaluation.model_copy(update={"blur": False})
    assert not is_blurred(shown.model_copy(update={"evaluation": settings}), ["a nude person"])


def test_prompts_and_earlier_erasures_count() -> None:
    assert is_blurred(experiment(), ["a dancer, Naked."])
    assert is_blurred(None, ["a nude"])
    tree = experiment().model_dump()
    tree["concept"]["erased"] = [{"kind": "object", "forget": ["nudity"]}]
    assert is_blurred(Experiment.model_validate(tree))


def test_any_concept_is_blurred_on_request() -> None:
    assert is_blurred(experiment(blur=True))
