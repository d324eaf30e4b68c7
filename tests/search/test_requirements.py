"""What is missing is said before anything runs."""

from __future__ import annotations

import importlib.util

import pytest

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


@pytest.mark.parametrize("seat", ["classifier", "second_classifier"])
def test_a_judge_without_its_library_is_refused(monkeypatch: pytest.MonkeyPatch, seat: str) -> None:
    space = smoke_space(evaluation={seat: {"object": {"nudenet": {}}}})
    check_requirements(space)
    monkeypatch.setattr("pipeline.search.requirements.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=rf"evaluation\.{seat}\.object\.nudenet: .*\[nudity\]"):
        check_requirements(space)
