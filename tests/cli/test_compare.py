"""`unlearn compare`: what it refuses, and what --report makes of a comparison that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Pair, load_comparison
from pipeline.search.comparison_claim import begin, claim
from pipeline.search.comparison_record import final_of
from pipeline.search.files import write_json
from pipeline.search.finals import put_final
from pipeline.search.locking import folder_lock
from tests.cli.command import Unlearn
from tests.search.comparisons import COMPARISON, comparison_file

FIXED = Pair("sneaker", "fixed")


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return comparison_file(tmp_path)


@pytest.fixture(name="begun")
def _begun(tmp_path: Path, file: Path) -> Path:
    """The folder of a comparison whose only training so far has diverged."""
    comparison, folder = load_comparison(file), tmp_path / "comparisons" / "tiny"
    claim(comparison, folder)
    begin(comparison, folder, FIXED)
    place = final_of(folder, FIXED, 101)
    put_final(place, comparison.spaces[FIXED].fixed(), 101)
    write_json(place / "failure.json", {"kind": "DivergedError", "message": "the loss is NaN"})
    return folder


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--target", "neon"], "--target: expected one of sneaker, got neon"),
        (["--method", "fix"], "--method: expected one of searched, fixed, got fix"),
        (["--report"], "expected a comparison that has begun"),
    ],
)
def test_a_mistake_is_one_message(
    unlearn: Unlearn, file: Path, tmp_path: Path, arguments: list[str], named: str
) -> None:
    told = unlearn("compare", file, *arguments)
    assert told.returncode == 2, told.stderr
    assert named in told.stderr
    assert told.stderr.count("error") == 1
    assert not (tmp_path / "comparisons").exists()


def test_every_problem_is_named_at_once_and_nothing_is_left_behind(
    unlearn: Unlearn, tmp_path: Path
) -> None:
    text = f"{COMPARISON}same: {{update: {{stepps: 3}}, prompts: {{test: 1}}}}\n"
    told = unlearn("compare", comparison_file(tmp_path, text.replace("repeats: 2", "repeats: 0")))
    assert told.returncode == 2
    for path in ("update.stepps", "prompts.test", "final.repeats"):
        assert told.stderr.count(path) >= 1
    assert told.stderr.count("every method on every target") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["comparison.yaml", "method.yaml"]


def test_other_settings_than_it_began_with_are_refused(
    unlearn: Unlearn, begun: Path, file: Path
) -> None:
    file.write_text(f"{COMPARISON}same: {{update: {{steps: 9}}}}\n")
    told = unlearn("compare", file, "--method", "fixed")
    assert told.returncode == 2
    assert "sneaker-fixed: update.steps" in told.stderr
    assert str(begun) in told.stderr


def test_two_cannot_work_on_the_same_comparison(unlearn: Unlearn, begun: Path, file: Path) -> None:
    with folder_lock(begun):
        told = unlearn("compare", file)
    assert told.returncode == 2
    assert "expected to have this folder alone" in told.stderr


def test_what_has_ended_is_reported_and_not_run_again(
    unlearn: Unlearn, begun: Path, file: Path
) -> None:
    told = unlearn("compare", file, "--method", "fixed")
    assert told.returncode == 0, told.stderr
    assert "starting Ray" not in told.stdout
    assert (begun / "table.md").read_text() in told.stdout
    assert "Not run yet: searched." in told.stdout
    assert "diverged with seed 101" in told.stdout
    (begun / "table.md").unlink()
    told = unlearn("compare", file, "--report")
    assert told.returncode == 0, told.stderr
    assert (begun / "table.md").read_text() in told.stdout
    assert "Traceback" not in told.stderr
