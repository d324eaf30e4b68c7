"""How much disk a sweep takes: the plan's own number, less what is there; too much is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.diffusion import Store
from pipeline.search.files import write_json
from pipeline.search.planning.disk import tell_disk
from pipeline.search.planning.fit import in_words, why_not
from pipeline.search.planning.plan import make_plan
from tests.faults.small_disk import small_disk
from tests.search.spaces import smoke_space


def test_it_is_what_the_plan_says_less_what_has_ended(tmp_path: Path) -> None:
    space, store = smoke_space(), Store(tmp_path / "cache")
    plan = make_plan(space, tmp_path, store)
    assert tell_disk(space, tmp_path, store).startswith(f"at most {in_words(plan.disk)} on disk, ")
    for number in range(3):
        write_json(tmp_path / "trials" / f"{number:04d}" / "failure.json", {"kind": "NaN"})
    # Three trials' weights are there, and one trial at a time is left to have checkpoints.
    left = plan.disk - 3 * plan.saved["weights"] - plan.saved["checkpoints"]
    assert tell_disk(space, tmp_path, store).startswith(f"at most {in_words(left)} on disk, ")


def test_a_front_alone_may_need_less_than_all_trials(tmp_path: Path) -> None:
    """Two that run and one that is on the front fit; whether all four do, nobody knows before."""
    space = smoke_space(budget={"keep_weights": "front"})
    with small_disk(tmp_path / "disk", 30_000_000) as disk:
        store = Store(disk / "cache")
        plan = make_plan(space, disk, store)
        assert plan.least_disk < plan.free < plan.disk
        assert why_not(plan) is None
        assert tell_disk(space, disk, store).endswith("enough unless most trials are on the front")
        with pytest.raises(ValueError, match=r"budget\.keep_weights: front"):
            tell_disk(smoke_space(), disk, store)


def test_what_cannot_fit_is_refused_with_advice(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8 * 2**20) as disk:
        (disk / "sweep").mkdir()
        with pytest.raises(
            ValueError, match=r"for 4 trials and their pictures, found 8\."
        ) as caught:
            tell_disk(smoke_space(), disk / "sweep", Store(disk / "cache"))
        assert "set UNLEARN_HOME to a larger disk" in str(caught.value)
