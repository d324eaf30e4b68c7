"""What is missing is said before anything runs."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from pipeline.config import ConfigError
from pipeline.search.requirements import check_requirements
from tests.search.spaces import smoke_space


@pytest.mark.parametrize("rule", ["cagrad", {"choice": ["weighted_sum", "mgda"]}])
def test_rules_without_their_library_are_refused(
    monkeypatch: pytest.MonkeyPatch, rule: object
) -> None:
    space = smoke_space(update={"rule": rule})
    check_requirements(space)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "pipeline.search.requirements.find_spec",
        lambda name: None if name == "torchjd" else find_spec(name),
    )
    with pytest.raises(ValueError, match=r"update\.rule: expected torchjd for (cagrad|mgda)"):
        check_requirements(space)
    check_requirements(smoke_space(update={"rule": "nash_mtl"}))


CAT = {"kind": "class", "forget": ["cat"], "anchor": None}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"concept": {"kind": "objekt"}}, r"concept\.kind: .*did you mean object"),
        (
            {
                "concept": CAT,
                "prompts": {
                    "vocabulary": "cifar10",
                    "retain_mix": {"simplex": ["neighbours", "other_axis"]},
                },
            },
            r"prompts\.retain_mix\.other_axis: expected no share",
        ),
        (
            {
                "concept": CAT,
                "prompts": {"vocabulary": "cifar10", "retain_mix": None},
                "objectives": {"ua": "maximize", "cra": "maximize"},
            },
            r"objectives\.cra: expected a metric that is measured, as cifar10 has one axis",
        ),
    ],
)
def test_what_the_vocabulary_lacks_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        check_requirements(smoke_space(**changes))


@pytest.mark.parametrize("seat", ["classifier", "second_classifier"])
def test_a_judge_without_its_library_is_refused(monkeypatch: pytest.MonkeyPatch, seat: str) -> None:
    space = smoke_space(evaluation={seat: {"object": {"nudenet": {}}}})
    check_requirements(space)
    monkeypatch.setattr("pipeline.search.requirements.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=rf"evaluation\.{seat}\.object\.nudenet: .*\[nudity\]"):
        check_requirements(space)


@pytest.mark.parametrize(
    ("gate", "changes", "problem"),
    [
        (
            {"at_least": {"earlier_ua": 0.5}},
            {},
            r"gate\.at_least\.earlier_ua: .*the base has forgotten nothing yet",
        ),
        (
            {"at_least": {"cra": 0.5}},
            {
                "concept": CAT,
                "prompts": {"vocabulary": "cifar10", "retain_mix": None},
                "objectives": {"ua": "maximize"},
            },
            r"gate\.at_least\.cra: .*cifar10 has one axis of concepts",
        ),
        # A quarter of 16 prompts names the sneaker: 0.05^(1/4) is 0.4729, 1 - 0.05^(1/12) 0.2209.
        ({"at_least": {"ua": 0.61}}, {}, r"gate\.at_least\.ua: expected at most 0\.472.* the 4 "),
        ({"at_most": {"none_share": 0.1}}, {}, r"none_share: expected at least 0\.221.* the 12 "),
        (
            {"at_least": {"ua": 0.4}},
            {
                "evaluation": {
                    "classifier": {"object": {"zero_shot": "a"}, "style": {"zero_shot": "a"}}
                }
            },
            r"evaluation\.second_classifier: expected a second classifier",
        ),
    ],
)
def test_a_gate_that_nobody_can_pass_here_is_refused(
    gate: dict[str, Any], changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        check_requirements(smoke_space(gate=gate, **changes))


def test_a_gate_that_can_be_passed_is_not() -> None:
    check_requirements(smoke_space(gate={"at_least": {"ua": 0.47, "cra": 0.77, "alignment": 0.99}}))
    forgetful = {"concept": {"erased": [{"kind": "object", "forget": ["bag"], "test": 24}]}}
    check_requirements(smoke_space(gate={"at_least": {"earlier_ua": 0.4}}, **forgetful))
