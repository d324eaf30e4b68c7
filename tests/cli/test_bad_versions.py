"""Names of versions that lead nowhere or out of where they should: exit code 2 and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.in_process import assert_refused, tell

NAMES = (
    *("../x/1", "/etc/1", "a/b/1", "a\\b/1", "~/1", "A/1", "a b/1", "a/-1", "a/1e3", "a/१"),
    *("a@", "a@../b", "a@A", "@champion", "/1", "a/1/", "a/1@b", "a%2f/1", "a'/1", "a\n/1", ""),
    "x" * 65 + "/1",
)


@pytest.mark.parametrize("name", NAMES)
def test_no_version_s_name_leads_anywhere(tmp_path: Path, name: str) -> None:
    assert_refused(tell("crown", name), "expected NAME/NUMBER or NAME@ALIAS")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../x", "a/b", "A", "", "x" * 65, "a'b", "a b"])
def test_no_model_s_name_does(tmp_path: Path, name: str) -> None:
    assert_refused(tell("rollback", name, "--because", "no"), "registered model")
    assert_refused(tell("promote", "nothing", "--into", name), "registered model")
    assert not list(tmp_path.iterdir())


def test_a_reason_is_a_sentence(tmp_path: Path) -> None:
    assert_refused(tell("rollback", "a", "--because", "x" * 501), "expected at most 500 letters")
    assert_refused(tell("rollback", "a", "--because", ""), "expected the reason")
    assert not list(tmp_path.iterdir())
