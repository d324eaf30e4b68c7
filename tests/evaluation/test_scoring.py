"""A model's measures from verdicts written by hand."""

from __future__ import annotations

import pytest
import torch

from pipeline.config import ConceptConfig
from pipeline.evaluation.formulas import METRIC_FORMULAS
from pipeline.evaluation.jury import Verdicts
from pipeline.evaluation.scoring import check_axes, names_concept, score
from pipeline.prompts.concept import Concept, resolve_concept
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.vocabulary import Vocabulary

AXES = {"object": ["sneaker", "sandal", "bag", "none of these"], "style": ["photo", "neon"]}
WORDS = Vocabulary(
    "small",
    {"object": ("sneaker", "sandal", "bag"), "style": ("photo", "neon")},
    {"sneaker": ("sandal", "bag"), "sandal": ("sneaker", "bag"), "neon": ("photo",)},
    concept_axes=("object", "style"),
    sentences=("{a} {style} {object}",),
)

FROM_BASE = {"alignment", "image_distance", "image_distance_forget", "kid"}

# What was asked for, and how sure the classifier is of each class.
CASES = [
    (("sneaker", "photo"), (0.6, 0.2, 0.1, 0.1), (0.9, 0.1), 0.40),
    (("sneaker", "neon"), (0.1, 0.2, 0.1, 0.6), (0.8, 0.2), 0.20),
    (("sandal", "photo"), (0.1, 0.7, 0.1, 0.1), (0.9, 0.1), 0.80),
    (("sandal", "neon"), (0.7, 0.1, 0.1, 0.1), (0.2, 0.8), 0.60),
    (("bag", "photo"), (0.0, 0.1, 0.9, 0.0), (0.3, 0.7), 0.70),
    (("bag", "neon"), (0.0, 0.1, 0.2, 0.7), (0.1, 0.9), 0.50),
    (("bag", "neon"), (0.0, 0.1, 0.8, 0.1), (0.1, 0.9), 0.90),
]
PROMPTS = [
    Prompt(f"a {style} {thing}", {"object": thing, "style": style}) for (thing, style), *_ in CASES
]
VERDICTS = Verdicts(
    {
        "object": torch.tensor([case[1] for case in CASES], dtype=torch.float64),
        "style": torch.tensor([case[2] for case in CASES], dtype=torch.float64),
    },
    torch.tensor([case[3] for case in CASES], dtype=torch.float64),
)


def concept(kind: str, *forget: str) -> Concept:
    return resolve_concept(ConceptConfig(kind=kind, forget=forget), WORDS)


SNEAKER = concept("object", "sneaker")


def test_an_erased_object_by_hand() -> None:
    scores = score(VERDICTS, PROMPTS, SNEAKER, AXES)
    assert scores.metrics == pytest.approx(
        {
            "erasure": 1 - (0.6 + 0.1) / 2,
            "ua": 1 - 1 / 2,
            "ira": 3 / 5,
            "cra": 4 / 5,
            "worst_neighbour": 1 / 2,
            "clip": (0.8 + 0.6 + 0.7 + 0.5 + 0.9) / 5,
            "clip_forget": (0.4 + 0.2) / 2,
            "none_share": 1 / 5,
            "none_share_forget": 1 / 2,
        }
    )
    assert scores.neighbours == pytest.approx({"sandal": 1 / 2, "bag": 2 / 3})
    assert scores.by_value["object"] == pytest.approx({"sneaker": 0.5, "sandal": 0.5, "bag": 2 / 3})
    # The target's second picture, taken for a photo, is left out of the other axis.
    assert scores.by_value["style"] == pytest.approx({"photo": 1 / 2, "neon": 1.0})


def test_an_erased_style_by_hand() -> None:
    scores = score(VERDICTS, PROMPTS, concept("style", "neon"), AXES)
    assert scores.metrics == pytest.approx(
        {
            "erasure": 1 - (0.2 + 0.8 + 0.9 + 0.9) / 4,
            "ua": 1 - 3 / 4,
            "ira": 2 / 3,
            "cra": 1.0,
            "worst_neighbour": 2 / 3,
            "clip": (0.4 + 0.8 + 0.7) / 3,
            "clip_forget": (0.2 + 0.6 + 0.5 + 0.9) / 4,
            "none_share": 0.0,
            "none_share_forget": 2 / 4,
        }
    )


def test_of_several_forgotten_values_each_prompt_has_its_own() -> None:
    both = concept("object", "sneaker", "sandal")
    scores = score(VERDICTS, PROMPTS, both, AXES)
    # The neon sandal drawn as a sneaker counts as an erased sandal.
    assert scores.metrics["ua"] == pytest.approx(2 / 4)
    assert scores.metrics["erasure"] == pytest.approx(1 - (0.6 + 0.1 + 0.7 + 0.1) / 4)
    assert scores.neighbours == pytest.approx({"bag": 2 / 3})


def test_retain_prompts_that_do_not_name_an_axis_are_left_out_of_it() -> None:
    prompts = [*PROMPTS[:6], Prompt("a neon thing", {"style": "neon"})]
    scores = score(VERDICTS, prompts, SNEAKER, AXES)
    assert scores.metrics["ira"] == pytest.approx(2 / 4)
    assert scores.metrics["cra"] == pytest.approx(4 / 5)


def test_a_classifier_without_a_none_class_has_no_share_of_it() -> None:
    axes = {**AXES, "object": ["sneaker", "sandal", "bag", "dress"]}
    found = score(VERDICTS, PROMPTS, SNEAKER, axes).metrics
    assert METRIC_FORMULAS.keys() - found.keys() - FROM_BASE == {"none_share", "none_share_forget"}


def test_a_none_class_of_another_axis_counts() -> None:
    axes = {"object": ["sneaker", "sandal", "bag", "dress"], "style": ["photo", "none of these"]}
    prompts = [Prompt(each.text, {"object": each.labels["object"]}) for each in PROMPTS]
    named = [*prompts[:-1], Prompt("a photo of a bag", {"object": "bag", "style": "photo"})]
    found = score(VERDICTS, named, SNEAKER, axes).metrics
    assert found["none_share"] == pytest.approx(4 / 5)


def test_with_one_axis_of_concepts_nothing_lies_across() -> None:
    words = Vocabulary("one", {"object": WORDS.axes["object"]}, {}, ("object",), ("{object}",))
    alone = resolve_concept(ConceptConfig(kind="object", forget=("sneaker",)), words)
    axes = {"object": AXES["object"]}
    check_axes(axes, alone, PROMPTS)
    found = score(VERDICTS, PROMPTS, alone, axes)
    whole = score(VERDICTS, PROMPTS, SNEAKER, AXES)
    assert found.metrics == {k: v for k, v in whole.metrics.items() if k != "cra"}
    assert found.by_value == {"object": whole.by_value["object"]}


def test_without_forget_or_retain_prompts_there_is_no_score() -> None:
    def part(rows: slice) -> Verdicts:
        probabilities = {axis: p[rows] for axis, p in VERDICTS.probabilities.items()}
        return Verdicts(probabilities, VERDICTS.cosines[rows])

    for rows in (slice(0, 2), slice(2, 7)):
        with pytest.raises(ValueError, match=r"prompts\.test"):
            score(part(rows), PROMPTS[rows], SNEAKER, AXES)


def test_prompts_that_name_the_concept_are_found() -> None:
    assert names_concept(PROMPTS, SNEAKER).tolist() == [True] * 2 + [False] * 5
    assert not names_concept([Prompt("whatever")], SNEAKER).any()


def test_a_classifier_that_cannot_judge_the_prompts_is_refused() -> None:
    check_axes(AXES, SNEAKER, PROMPTS)
    with pytest.raises(ValueError, match="a classifier of the axis 'style'"):
        check_axes({"object": AXES["object"]}, SNEAKER, PROMPTS)
    with pytest.raises(ValueError, match="got one without bag"):
        check_axes({**AXES, "object": ["sneaker", "sandal"]}, SNEAKER, PROMPTS)
