from typing import Literal

import pytest

from pipeline.config import ConceptConfig, ConfigError
from pipeline.prompts import Concept, resolve_concept, vocabulary

WORDS = vocabulary("fashion-canvas")


def concept(kind: Literal["object", "style"], *forget: str, anchor: str | None = None) -> Concept:
    return resolve_concept(ConceptConfig(kind=kind, forget=forget, anchor=anchor), WORDS)


def test_a_concepts_neighbours_and_anchor_are_retained() -> None:
    sneaker = concept("object", "sneaker")
    assert (sneaker.other, sneaker.neighbours) == ("style", ("sandal", "ankle boot"))
    assert sneaker.anchors == {"sneaker": "sandal"}
    shoes = concept("object", "sneaker", "sandal", "ankle boot")
    assert (
        set(shoes.neighbours)
        == set(shoes.retained)
        == set(WORDS.axes["object"])
        - {
            "sneaker",
            "sandal",
            "ankle boot",
        }
    )
    assert all(anchor in shoes.retained for anchor in shoes.anchors.values())


def test_a_style_becomes_a_photo_and_a_photo_its_neighbour() -> None:
    assert concept("style", "neon").anchors == {"neon": "photo"}
    assert concept("style", "photo", "cartoon").anchors == {
        "photo": "pencil sketch",
        "cartoon": "pencil sketch",
    }


def test_an_anchor_can_be_given_or_left_out_of_the_sentence() -> None:
    assert concept("object", "bag", anchor="dress").anchors == {"bag": "dress"}
    assert concept("object", "bag", anchor="none").anchors == {"bag": None}


def test_all_unknown_words_are_named_with_what_may_be_meant() -> None:
    with pytest.raises(ConfigError) as caught:
        concept("object", "sneaker", "sandel", anchor="bagg")
    assert [problem.path for problem in caught.value.problems] == [
        "concept.forget.1",
        "concept.anchor",
    ]
    assert "did you mean sandal?" in str(caught.value)


def test_something_must_be_left() -> None:
    with pytest.raises(ConfigError, match="keep at least one style"):
        concept("style", *WORDS.axes["style"])
