"""What the shipped search spaces say of budget and hardware is what a plan says of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.config import SearchSpace, load_space
from pipeline.diffusion import Store
from pipeline.search.planning.pictures import count_pictures
from pipeline.search.planning.plan import corners, make_plan
from tests.diffusion.true_size import true_size
from tests.search.shipped import FAMILIES, FILES

_BUDGET = re.compile(
    r"(?P<trials>\d+) trials of (?P<least>\d+) to (?P<most>\d+) steps; (?P<teaching>\d+) pictures "
    r"to train on, made once, and (?P<judged>\d+) judged a trial"
)
_HARDWARE = re.compile(
    r"about (?P<memory>[\d.]+) GB of GPU memory .* and (?P<disk>[\d.]+) GB of disk"
)
_TRUE = {"sd1": "sd15", "class_unet": "cifar10"}
"""Names of models at their true size, where they differ from the tiny ones'."""


def header(name: str) -> str:
    """The comment that a file begins with, on one line."""
    lines = (FILES / f"{name}.yaml").read_text().splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(" ".join(line.removeprefix("#").split()) for line in lines[:end])


def said(pattern: re.Pattern[str], name: str) -> Mapping[str, float]:
    found = pattern.search(header(name))
    assert found is not None, f"{name}: expected {pattern.pattern}"
    return {what: float(number) for what, number in found.groupdict().items()}


def space_of(name: str, *changes: str) -> SearchSpace:
    return load_space(FILES / f"{name}.yaml", changes)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_header_says_budget_hardware_and_what_is_to_beat(name: str, tmp_path: Path) -> None:
    space, told = space_of(name), said(_BUDGET, name)
    steps = {each.update.steps for each in corners(space)}
    wanted = count_pictures(space, "any", Store(tmp_path))
    assert told == {
        "trials": space.budget.trials,
        "least": min(steps),
        "most": max(steps),
        "teaching": wanted.teaching.wanted,
        "judged": wanted.judging.wanted,
    }
    assert "`unlearn plan`, an estimate" in header(name)
    assert "To beat:" in header(name)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", FAMILIES)
def test_the_header_says_the_plan_s_memory_and_disk(name: str, tmp_path: Path) -> None:
    model = true_size(_TRUE.get(FAMILIES[name], FAMILIES[name]), tmp_path / "model")
    space = space_of(name, f"model.base={model}")
    plan = make_plan(space, tmp_path / "sweep", Store(tmp_path / "cache"), 10**12)
    told = said(_HARDWARE, name)
    assert told["memory"] == pytest.approx(plan.peak[0] / 1e9, rel=0.02)
    assert told["disk"] == pytest.approx(plan.disk / 1e9, rel=0.05)
