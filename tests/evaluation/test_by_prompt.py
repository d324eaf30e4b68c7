"""A report's measures prompt by prompt."""

from __future__ import annotations

import pytest

from pipeline.config import TargetConfig
from pipeline.evaluation.by_prompt import values_by_prompt
from tests.tracking.comparisons import report


def test_pictures_of_a_prompt_count_once() -> None:
    values = values_by_prompt(report(kept=0.45))
    assert values["ua"].tolist() == [0.5, 1.0]
    assert values["erasure"] == pytest.approx([1 - 0.05, 1 - 0.25])
    assert values["alignment"] == pytest.approx([0.9, 0.9, 0.9])


def test_what_is_hard_for_both_counts_for_nothing() -> None:
    judged = report(kept=0.45)
    harder = tuple(
        each.model_copy(update={"clip": each.clip - 0.2, "base_clip": each.base_clip - 0.2})
        if each.text == "a bag"
        else each
        for each in judged.pictures
    )
    values = values_by_prompt(judged.model_copy(update={"pictures": harder}))["alignment"]
    assert values == pytest.approx([values[0]] * 3)
    retain = [each for each in harder if each.target_probability is None]
    share = sum(each.clip for each in retain) / sum(each.base_clip for each in retain)
    assert values.mean() == pytest.approx(share)


def test_prompts_that_do_not_name_an_axis_say_nothing_of_it() -> None:
    values = values_by_prompt(report(kept=0.45))
    assert values["ira"].tolist() == [1.0, 1.0]
    assert values["cra"].tolist() == [1.0, 1.0]


def test_without_another_axis_nothing_lies_across() -> None:
    judged = report(kept=0.45)
    whole = values_by_prompt(judged)
    alone = judged.model_copy(update={"by_value": {"object": judged.by_value["object"]}})
    assert list(values_by_prompt(alone)) == [name for name in whole if name != "cra"]


def test_of_several_concepts_only_what_was_kept_has_values() -> None:
    judged = report(kept=0.45)
    also = (TargetConfig(kind="style", forget=("neon",)),)
    concept = judged.concept.model_copy(update={"also": also})
    several = judged.model_copy(update={"concept": concept})
    assert values_by_prompt(several).keys() == {"ira", "cra", "alignment"}
