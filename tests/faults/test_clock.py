"""A clock that is set back while a sweep runs, by an hour as its files and a trial tell it."""

from __future__ import annotations

import os
import time

from pipeline.search.files import read_json, write_json
from pipeline.search.laps import Laps
from pipeline.tracking import Mirror
from tests.tracking.sweeps import Sweep
from tests.tracking.test_mirror import Records

HOUR = 3600


def test_a_trial_handed_out_in_the_future_takes_no_time_below_zero() -> None:
    laps = Laps(time.time() + HOUR)
    with laps.lap("training"):
        time.sleep(0.05)
    seconds = laps.total()
    assert 0.05 <= seconds["training"] < 1
    assert 0 <= seconds["overhead"] < 1


def test_nothing_ends_before_it_began(database: str, sweep: Sweep) -> None:
    sweep.prune(sweep.begin())  # an end that nobody has timed
    later = time.time() + HOUR
    for number in range(len(sweep.record.trials)):
        os.utime(sweep.trial(number) / "params.json", (later, later))
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(later))
    facts = {**(read_json(sweep.folder / "sweep.json") or {}), "created": created}
    write_json(sweep.folder / "sweep.json", {**facts, "status": "finished"})
    assert not Mirror(sweep.folder, database).sync_once()

    records = Records(database)
    runs = [*records.parents(), *records.children()]
    assert len(runs) == 1 + len(sweep.record.trials)
    for run in runs:
        assert run.info.end_time >= run.info.start_time > later * 1000 - 2000
