"""Two sweeps of one name at once."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import run_unlearn
from tests.search.test_locking import hold
from tests.tracking.sweeps import Sweep


def test_a_second_sweep_of_a_name_is_refused_and_the_first_unharmed(
    sweep: Sweep, tmp_path: Path
) -> None:
    # As long as no trial was asked for, a name is only kept by who works in the folder.
    (sweep.folder / "study.log").unlink()
    before = {path: path.read_bytes() for path in sweep.folder.rglob("*") if path.is_file()}
    space = sweep.folder / "space.yaml"
    with hold(sweep.folder, 60) as first:
        for verb in (("sweep", space), ("resume", "tiny")):
            refused = run_unlearn(tmp_path, *verb)
            assert refused.returncode == 2, refused.stderr
            assert f"process {first.pid} on" in refused.stderr
        assert first.poll() is None
        first.kill()
    after = {
        path: path.read_bytes()
        for path in sweep.folder.rglob("*")
        if path.name != ".lock" and path.is_file()
    }
    assert after == before
