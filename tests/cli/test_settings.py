"""The list of all settings: as complete and as true as what reads the files."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from pipeline.cli.settings import _page
from pipeline.config import ConfigError, parse_space
from pipeline.config.reference import MUST_BE_GIVEN, Setting, settings
from pipeline.config.space import put
from tests.cli.command import ROOT, Unlearn

PAGE = ROOT / "docs" / "settings.md"
WANT_MORE = ("prompts.retain_mix.", "prompts.forget_rows.", "gate.")
"""Sections that say nothing by their defaults alone, and are refused then."""
SINGLE = [each for each in settings() if "[" not in each.path and "AXIS" not in each.path]


def smallest() -> dict[str, Any]:
    return {"name": "small", "concept": {"kind": "object", "forget": ["sneaker"]}}


def test_the_page_says_what_the_verb_says() -> None:
    """Written anew by: unlearn settings --markdown > docs/settings.md."""
    assert PAGE.read_text() == _page(settings()) + "\n"


def test_every_setting_has_a_meaning() -> None:
    assert len(SINGLE) > 100
    assert not [each.path for each in settings() if len(each.meaning) < 10]


@pytest.mark.parametrize(
    "each",
    [
        each
        for each in SINGLE
        if each.default not in ("", MUST_BE_GIVEN) and not each.path.startswith(WANT_MORE)
    ],
    ids=lambda each: each.path,
)
def test_a_default_is_what_counts_where_a_file_says_nothing(each: Setting) -> None:
    silent, spoken = smallest(), smallest()
    above, _, _ = each.path.rpartition(".")
    # Some sections are not there until something of them is said.
    if above and next(s for s in SINGLE if s.path == above).default == "null":
        put(silent, above, {})
    put(spoken, each.path, yaml.safe_load(each.default))
    assert parse_space(spoken).fixed() == parse_space(silent).fixed()


@pytest.mark.parametrize(
    "each", [each for each in SINGLE if not each.is_section], ids=lambda each: each.path
)
def test_what_is_marked_may_be_searched_and_nothing_else(each: Setting) -> None:
    tree = smallest()
    put(tree, each.path, {"choice": [1, 2]})
    try:
        parse_space(tree)
        told = ""
    except ConfigError as error:
        told = str(error)
    # What two numbers are wrong for is told of its options, one by one.
    assert (f"{each.path}: expected a value" not in told) == each.is_searched, told


def test_a_section_or_a_setting_alone(unlearn: Unlearn) -> None:
    told = unlearn("settings", "budget.early_stopping")
    assert told.returncode == 0
    assert "budget.early_stopping.first_rung" in told.stdout
    assert "budget.trials" not in told.stdout
    wrong = unlearn("settings", "updates")
    assert wrong.returncode == 2
    assert "did you mean update?" in wrong.stderr
