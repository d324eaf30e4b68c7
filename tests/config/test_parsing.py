from typing import Any

import pytest

from pipeline.config import ConfigError, parse_space

HEAD = "name: a\nconcept: {kind: object, forget: [sneaker]}\n"


def problems(text: str | dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse_space(text)
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_every_problem_is_reported_at_once() -> None:
    found = problems(
        """
        name: A Bad Name
        concept: {kind: 3, forget: [sneaker], anchor: sneaker}
        model: {trian: all, train: {choise: [all, cross_attention]}}
        prompts:
          retain_mix: {simplex: [same_context, neighbors]}
          forget_diversity: {uniform: [0, 2]}
        losses: {forget: {choice: [anchor, ascent, foo]}, forget_loss_cap: {uniform: [-1, 2]}}
        update:
          {rule: 1, learning_rate: {log_uniform: [0, 1]}, steps: {uniform: [1, 5]}, warmup: -1}
        budget: {trials: {choice: [1, 2]}}
        objectives: {erasur: maximize, ua: up}
        """
    )
    assert set(found) == {
        "name",
        "concept.kind",
        "model.trian",
        "model.train",
        "prompts.retain_mix.neighbors",
        "prompts.forget_diversity",
        "losses.forget",
        "losses.forget_loss_cap",
        "update.rule",
        "update.learning_rate.log_uniform",
        "update.steps",
        "update.warmup",
        "budget.trials",
        "objectives.erasur",
        "objectives.ua",
    }
    assert "did you mean choice?" in found["model.train"]
    assert "did you mean prompts.retain_mix.neighbours?" in found["prompts.retain_mix.neighbors"]
    assert "got 2.0 (the upper bound)" in found["prompts.forget_diversity"]
    assert "got foo (option 3)" in found["losses.forget"]
    assert "int_uniform" in found["update.steps"]


def test_the_text_of_an_error_has_one_line_a_problem() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_space(HEAD + "update: {learning_rate: -1, steps: 0}")
    assert str(caught.value).splitlines() == [
        "update.learning_rate: expected a number above 0, got -1",
        "update.steps: expected a number of 1 or more, got 0",
    ]


@pytest.mark.parametrize(
    "path", ["name", "concept.kind", "budget.trials", "scaling.workers", "evaluation.seed"]
)
def test_what_all_trials_share_holds_no_distribution(path: str) -> None:
    tree: dict[str, Any] = {"name": "a", "concept": {"kind": "object", "forget": ["sneaker"]}}
    section, _, key = path.partition(".")
    if key:
        tree.setdefault(section, {})[key] = {"choice": [1, 2]}
    else:
        tree[section] = {"choice": ["a", "b"]}
    assert "same for all trials" in problems(tree)[path]


def test_a_distribution_inside_a_list_is_a_problem_there() -> None:
    text = "name: a\nconcept: {kind: object, forget: [{choice: [sneaker, bag]}]}"
    assert list(problems(text)) == ["concept.forget.0"]


def test_a_cap_with_a_fixed_anchor_is_a_problem_and_with_a_searched_loss_is_none() -> None:
    assert list(problems(HEAD + "losses: {forget: anchor, forget_loss_cap: 1.0}")) == [
        "losses.forget_loss_cap"
    ]
    searched = "losses: {forget: {choice: [anchor, ascent]}, forget_loss_cap: 1.0}"
    assert parse_space(HEAD + searched).distributions
    bad = "losses: {forget: {choice: [anchor, ascent]}, forget_loss_cap: -1.0}"
    assert list(problems(HEAD + bad)) == ["losses.forget_loss_cap"]


def test_an_option_that_is_a_forgotten_value_is_a_problem() -> None:
    text = "name: a\nconcept: {kind: object, forget: [bag], anchor: {choice: [sneaker, bag]}}"
    assert "option 2" in problems(text)["concept.anchor"]


def test_shares_that_are_searched_one_by_one_are_a_problem() -> None:
    found = problems(HEAD + "prompts: {retain_mix: {generic: {uniform: [0, 1]}}}")
    assert "simplex" in found["prompts.retain_mix"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "text"),
        ("3", "text"),
        ("a: [", "text, line 1"),
        ("name: a\nname: b", "text, line 2"),
        ("a: &x 1\nb: *x", "text, line 2"),
        ("a: !!python/name:os.system ''", "text, line 1"),
        ("1: 2", "'1'"),
        ("a.b: 2", "'a.b'"),
        ("a: !!set {b}", "text, line 1, column 4"),
        ("a: \x07", "text"),
        ('"": 3', "''"),
    ],
)
def test_what_is_no_plain_mapping_is_refused_with_its_place(text: str, place: str) -> None:
    assert next(iter(problems(text))).startswith(place)
