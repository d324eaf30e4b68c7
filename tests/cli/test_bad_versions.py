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
@pytest.mark.parametrize("verb", ["crown", "verify", "export", "reproduce"])
def test_no_version_s_name_leads_anywhere(tmp_path: Path, verb: str, name: str) -> None:
    more = [tmp_path / "out"] if verb == "export" else []
    told = tell(verb, name, *more)
    # The first one imports torch.
    assert_refused(told, "expected NAME/NUMBER or NAME@ALIAS", seconds=30)
    assert not list(tmp_path.iterdir())


def test_the_other_way_to_name_a_champion_is_told() -> None:
    assert_refused(tell("verify", "demo/champion"), "did you mean demo@champion?", seconds=30)
    told = tell("generate", "demo@champion", "a bag")
    assert_refused(told, "`unlearn export demo@champion DIR`", seconds=30)


@pytest.mark.parametrize("verb", ["verify", "export", "reproduce"])
def test_a_folder_that_nobody_promoted_is_none(tmp_path: Path, verb: str) -> None:
    own = tmp_path / "own"
    own.mkdir()
    more = [tmp_path / "out"] if verb == "export" else []
    assert_refused(tell(verb, own, *more), "it has no manifest.json", seconds=30)
    for content in (b"{", b"[]", b"{}", b"\xff", b"[" * 100_000):
        (own / "manifest.json").write_bytes(content)
        assert_refused(tell(verb, own, *more), "manifest.json", "promote the trial again")
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


@pytest.mark.parametrize("name", ["../x", "a/b", "A", "", "x" * 65, "a'b", "a b"])
def test_no_model_s_name_does(tmp_path: Path, name: str) -> None:
    assert_refused(tell("rollback", name, "--because", "no"), "registered model")
    assert_refused(tell("promote", "nothing", "--into", name), "registered model")
    assert not list(tmp_path.iterdir())


def test_a_reason_is_a_sentence(tmp_path: Path) -> None:
    assert_refused(tell("rollback", "a", "--because", "x" * 501), "expected at most 500 letters")
    assert_refused(tell("rollback", "a", "--because", ""), "expected the reason")
    assert not list(tmp_path.iterdir())
