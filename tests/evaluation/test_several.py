"""Several concepts, at once and one after another, scored by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import ConceptConfig, ErasedConfig
from pipeline.diffusion.sampling import Sampler
from pipeline.evaluation.jury import Verdicts
from pipeline.evaluation.questions import Questions
from pipeline.evaluation.regression import regressions
from pipeline.evaluation.report import Report
from pipeline.evaluation.scoring import names_concept, score
from pipeline.evaluation.several import names_any, score_each, together
from pipeline.prompts import Concept, resolve_concept, resolve_concepts
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.prompt_set import EarlierErasure
from pipeline.prompts.vocabulary import Vocabulary
from tests.evaluation.test_report import fields

AXES = {
    "object": ["sneaker", "sandal", "bag", "none of these"],
    "style": ["photo", "neon", "mosaic"],
}
WORDS = Vocabulary(
    "small",
    {"object": ("sneaker", "sandal", "bag"), "style": ("photo", "neon", "mosaic")},
    {"sneaker": ("sandal", "bag"), "bag": ("sandal",), "neon": ("photo",), "mosaic": ("photo",)},
    concept_axes=("object", "style"),
    sentences=("{a} {style} {object}",),
)
# What was asked for, how sure the classifier is of each class, and the cosine.
CASES = [
    (("sneaker", "photo"), (0.6, 0.2, 0.1, 0.1), (0.9, 0.1, 0.0), 0.4),
    (("sandal", "neon"), (0.1, 0.8, 0.1, 0.0), (0.3, 0.5, 0.2), 0.3),
    (("sneaker", "mosaic"), (0.2, 0.1, 0.1, 0.6), (0.1, 0.1, 0.8), 0.2),
    (("bag", "neon"), (0.1, 0.1, 0.8, 0.0), (0.8, 0.1, 0.1), 0.1),
    (("sandal", "photo"), (0.1, 0.7, 0.1, 0.1), (0.9, 0.1, 0.0), 0.8),
    (("bag", "mosaic"), (0.0, 0.6, 0.4, 0.0), (0.1, 0.1, 0.8), 0.6),
    (("bag", "photo"), (0.0, 0.1, 0.9, 0.0), (0.3, 0.1, 0.6), 0.7),
    (("sandal", "mosaic"), (0.0, 0.2, 0.1, 0.7), (0.2, 0.0, 0.8), 0.5),
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


def resolved(**config: Any) -> tuple[Concept, ...]:
    return resolve_concepts(ConceptConfig.model_validate(config), WORDS)


MIXED = resolved(kind="object", forget=["sneaker"], also=[{"kind": "style", "forget": ["neon"]}])


def test_an_object_and_a_style_by_hand() -> None:
    scores = score_each(VERDICTS, PROMPTS, MIXED, AXES)
    assert list(scores) == ["sneaker", "neon"]
    sneaker, neon = scores["sneaker"].metrics, scores["neon"].metrics
    assert sneaker["erasure"] == pytest.approx(1 - (0.6 + 0.2) / 2)
    assert sneaker["ua"] == pytest.approx(1 / 2)
    assert neon["erasure"] == pytest.approx(1 - (0.5 + 0.1) / 2)
    assert neon["ua"] == pytest.approx(1 / 2)
    # Four pictures name nothing forgotten: two objects right, and three styles.
    assert [sneaker["ira"], sneaker["cra"]] == pytest.approx([2 / 4, 3 / 4])
    assert [neon["ira"], neon["cra"]] == pytest.approx([3 / 4, 2 / 4])
    assert sneaker["worst_neighbour"] == pytest.approx(1 / 2)
    assert neon["worst_neighbour"] == pytest.approx(1 / 2)
    assert (sneaker["none_share_forget"], neon["none_share_forget"]) == (0.5, 0.0)


def test_the_headline_is_the_concept_that_is_erased_least() -> None:
    scores = score_each(VERDICTS, PROMPTS, MIXED, AXES)
    headline = together(scores, {"sneaker": 2, "neon": 2}, AXES)
    assert headline.metrics == pytest.approx(
        {
            "erasure": 1 - (0.6 + 0.2) / 2,
            "ua": 1 / 2,
            "ira": 2 / 4,
            "cra": 3 / 4,
            "worst_neighbour": 1 / 2,
            "clip": (0.8 + 0.6 + 0.7 + 0.5) / 4,
            "clip_forget": (0.4 + 0.3 + 0.2 + 0.1) / 4,
            "none_share": 1 / 4,
            "none_share_forget": 1 / 4,
        }
    )
    assert headline.by_value == {
        "object": pytest.approx({"sneaker": 0.5, "sandal": 0.5, "bag": 0.5}),
        "style": pytest.approx({"photo": 0.5, "neon": 0.5, "mosaic": 1.0}),
    }
    assert headline.neighbours == pytest.approx({"sandal": 0.5, "bag": 0.5, "photo": 0.5})


def test_each_measure_has_its_own_least_concept() -> None:
    both = resolved(kind="style", forget=["neon"], also=[{"kind": "object", "forget": ["bag"]}])
    scores = score_each(VERDICTS, PROMPTS, both, AXES)
    headline = together(scores, {"neon": 2, "bag": 3}, AXES).metrics
    assert headline["erasure"] == min(each.metrics["erasure"] for each in scores.values())
    assert headline["ua"] == min(each.metrics["ua"] for each in scores.values())
    assert scores["neon"].metrics["ua"] != scores["bag"].metrics["ua"]


def test_of_a_single_concept_nothing_changes() -> None:
    (concept,) = resolved(kind="object", forget=["sneaker"])
    scores = score_each(VERDICTS, PROMPTS, [concept], AXES)
    alone = score(VERDICTS, PROMPTS, concept, AXES)
    assert together(scores, {"sneaker": 2}, AXES) == alone


def test_what_names_any_concept_is_no_retain_prompt() -> None:
    assert names_any(PROMPTS, MIXED).tolist() == [True] * 4 + [False] * 4


def test_a_concept_without_pictures_has_no_score() -> None:
    rows = np.array([0, 2, 4, 5, 6, 7])
    prompts = [PROMPTS[row] for row in rows.tolist()]
    with pytest.raises(ValueError, match=r"prompts\.test"):
        score_each(VERDICTS.rows(rows), prompts, MIXED, AXES)


def test_an_earlier_erasure_by_hand() -> None:
    concept = resolve_concept(ConceptConfig(kind="object", forget=("sneaker",)), WORDS)
    record = ErasedConfig.model_validate(
        {
            "kind": "object",
            "forget": ["sneaker"],
            "judged": [
                {"classifier": "other", "erasure": {"sneaker": 0.1}, "ua": {"sneaker": 0.2}},
                {"classifier": "mine", "erasure": {"sneaker": 0.9}, "ua": {"sneaker": 1.0}},
            ],
        }
    )
    prompts = (PROMPTS[0], PROMPTS[2])
    rows = names_concept(PROMPTS, concept).nonzero()[0]
    after = VERDICTS.rows(rows)
    before = Verdicts(
        {
            "object": torch.tensor([[0.1, 0.8, 0.1, 0.0], [0.2, 0.7, 0.1, 0.0]]).double(),
            "style": after.probabilities["style"],
        },
        after.cosines,
    )
    questions = Questions(prompts, (1, 2), Sampler(1, 1.0, 1))
    earlier = [(EarlierErasure((concept,), prompts), record)]
    (found,) = regressions(after, before, questions, earlier, AXES, "mine")
    assert (found.concept, found.pictures) == ("sneaker", 2)
    assert [found.now.erasure, found.now.ua] == pytest.approx([0.6, 0.5])
    assert [found.base.erasure, found.base.ua] == pytest.approx([0.85, 1.0])
    assert found.promoted is not None
    assert found.difference is not None
    assert (found.promoted.erasure, found.promoted.ua) == (0.9, 1.0)
    assert [found.difference.erasure, found.difference.ua] == pytest.approx([-0.3, -0.5])
    (unknown,) = regressions(after, before, questions, earlier, AXES, "a third one")
    assert unknown.promoted is None
    assert unknown.difference is None


def test_a_report_on_a_chain_has_the_earlier_measures_and_comes_back_from_json() -> None:
    one = {"erasure": 0.6, "ua": 0.5}
    regression = [
        {"concept": "bag", "pictures": 2, "now": one, "base": one, "promoted": None}
        | {"difference": None}
    ]
    changed: dict[str, Any] = {"regression": regression, "by_concept": {"neon": one, "dress": one}}
    with pytest.raises(ValueError, match="metrics: expected exactly"):
        Report.model_validate(fields(**changed))
    for name in ("metrics", "base_metrics"):
        changed[name] = {**fields()[name], "earlier_erasure": 0.6, "earlier_ua": 0.5}
    report = Report.model_validate(fields(**changed))
    assert Report.model_validate_json(report.model_dump_json()) == report
    with pytest.raises(ValueError, match="metrics: expected exactly"):
        Report.model_validate(fields(**{**changed, "regression": []}))
