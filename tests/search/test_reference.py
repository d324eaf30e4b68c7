"""The random search of the same space, and none other, is what a sweep is measured by."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.search.reference import ReferenceFinder
from tests.tracking.sweeps import SCORES, SPACE, Sweep

TPE = SPACE.replace("sampler: random", "sampler: tpe")


def found(folder: Path) -> str | None:
    sweep = Sweep(folder / "mine", SCORES, text=TPE)
    reference = ReferenceFinder().find(sweep.record)
    return None if reference is None else reference.name


def test_another_sweep_of_the_same_space_with_the_random_sampler(tmp_path: Path) -> None:
    Sweep(tmp_path / "small", SCORES[:2])
    Sweep(tmp_path / "large", SCORES, text=SPACE.replace("trials: 6", "trials: 60"))
    Sweep(tmp_path / "other-tpe", SCORES, text=TPE)
    assert found(tmp_path) == "large"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sneaker", "bag"),
        ("[1e-5, 1e-3]", "[1e-5, 1e-2]"),
        ("sampler: random", "sampler: tpe"),
        ("alignment: maximize", "ira: maximize"),
        ("sampler: random", "sampler: random, early_stopping: {}"),
    ],
)
def test_not_a_sweep_of_another_space(tmp_path: Path, old: str, new: str) -> None:
    Sweep(tmp_path / "other", SCORES, text=SPACE.replace(old, new))
    assert found(tmp_path) is None


def test_its_gate_may_be_another(tmp_path: Path) -> None:
    Sweep(tmp_path / "gated", SCORES, text=f"{SPACE}gate: {{at_least: {{ua: 0.4}}}}\n")
    assert found(tmp_path) == "gated"


def test_not_where_the_base_was_judged_otherwise(tmp_path: Path) -> None:
    other = Sweep(tmp_path / "other", SCORES)
    (other.folder / "base.json").write_text('{"metrics": {"erasure": 0.5}}')
    assert found(tmp_path) is None


def test_a_damaged_neighbour_is_passed_over_and_a_new_one_found(tmp_path: Path) -> None:
    broken = Sweep(tmp_path / "broken", SCORES)
    (broken.folder / "sweep.json").write_text("{}")
    (tmp_path / "no-yaml").mkdir()
    (tmp_path / "no-yaml" / "space.yaml").write_text("random: [")
    sweep = Sweep(tmp_path / "mine", SCORES, text=TPE)
    finder = ReferenceFinder()
    assert finder.find(sweep.record) is None
    late = Sweep(tmp_path / "late", SCORES[:1])
    first = finder.find(sweep.record)
    assert first is not None
    late.finish(late.begin(), 0.5, 0.5)
    again = finder.find(sweep.record)
    assert again is not None
    assert (len(first.trials), len(again.trials)) == (1, 2)


def test_a_random_search_has_no_reference(tmp_path: Path) -> None:
    Sweep(tmp_path / "other", SCORES)
    assert ReferenceFinder().find(Sweep(tmp_path / "mine", SCORES).record) is None
