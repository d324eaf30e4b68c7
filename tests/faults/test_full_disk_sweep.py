"""A sweep whose disk fills up: it stops with a clear word, and goes on once there is room."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.search.records import read_sweep
from tests.faults.small_disk import fill, small_disk
from tests.faults.sweeps import NAME, assert_nothing_lost, long_space, start, unlearn
from tests.search.sweeping import finished, halfway, is_marked, mark, wait_until_halfway

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]


def test_a_sweep_stops_on_a_full_disk_and_is_completed_by_resume(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 800 * 2**20) as home:
        folder = home / "sweeps" / NAME
        sweep = start(tmp_path, home, long_space())
        hit = wait_until_halfway(sweep, folder)
        done = finished(folder)
        ballast = fill(home)
        text = sweep.end()
        assert sweep.process.returncode == 1, text
        assert "No space left on device; free some space" in text
        assert f"stopped, and nothing is lost; go on later with: unlearn resume {NAME}" in text
        assert "Traceback" not in text
        assert read_sweep(folder).status == "interrupted"
        assert {trial.state for trial in read_sweep(folder).trials} <= {"running", "complete"}
        assert finished(folder).items() >= done.items()
        done = finished(folder)
        assert not list(folder.rglob("*.partial*"))
        assert not list(folder.rglob(".partial-*"))

        ballast.unlink()
        still_halfway = halfway(folder)
        if still_halfway is not None:
            mark(still_halfway)
        again = unlearn(tmp_path, home, "resume", NAME)
        text = again.end()
        assert again.process.returncode == 0, text
        assert_nothing_lost(folder, 3, done)
        assert still_halfway is None or is_marked(still_halfway), "it was begun anew"
        assert hit.number in finished(folder)
