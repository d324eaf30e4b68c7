"""A tracking server that is slow, or whose database is restarted under it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.search.files import read_json
from pipeline.tracking import Mirror
from pipeline.tracking.mirror import LEDGER
from tests.faults.postgresql import postgresql
from tests.faults.slow_server import SlowAnswers
from tests.tracking.server import Server
from tests.tracking.sweeps import Sweep
from tests.tracking.test_mirror import assert_complete

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


@pytest.fixture
def relay(server: Server) -> Iterator[SlowAnswers]:
    server.start()
    relay = SlowAnswers(server.uri)
    yield relay
    relay.close()


def test_a_server_of_ten_seconds_an_answer_neither_slows_nor_doubles(
    relay: SlowAnswers, server: Server, sweep: Sweep, tmp_path: Path
) -> None:
    mirror = Mirror(sweep.folder, relay.uri, interval=0.05, timeout=1)
    assert not mirror.sync_once()
    # What the mirror asks for now is done, and answered long after it has stopped waiting.
    relay.delay = 10
    longest = 0.0
    for _ in range(6):
        sweep.finish(sweep.begin(), 0.95, 0.85)
        began = time.monotonic()
        mirror.start()
        mirror.wake()
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.2)
    assert longest < 0.5
    began = time.monotonic()
    backlog = mirror.close(30)
    assert time.monotonic() - began < 15
    assert backlog.summary
    assert "Timeout" in (backlog.reason or "")
    assert set(range(4, 10)) <= set(backlog.trials)

    # The next verb, after the server has recovered, sends the rest.
    relay.delay = 0
    assert not Mirror(sweep.folder, relay.uri, timeout=30).sync_once()
    assert_complete(server.uri, sweep, tmp_path)


def test_a_database_that_is_restarted_under_the_server_costs_nothing(
    sweep: Sweep, empty_database: Path, tmp_path: Path
) -> None:
    with postgresql() as database:
        server = Server(tmp_path / "server", empty_database, database.uri)
        try:
            server.start()
            mirror = Mirror(sweep.folder, server.uri, interval=0.05)
            mirror.start()
            for _ in range(2):
                wait_until_sent(sweep.folder, len(sweep.record.trials))
                database.kill()
                sweep.finish(sweep.begin(), 0.95, 0.85)
                time.sleep(2)  # in which the mirror is told that there is no database
                database.start()
                sweep.finish(sweep.begin(), 0.96, 0.5)
            sweep.status("finished")
            mirror.close(60)
            # Alive all the time, the server has taken up new connections by itself.
            assert not Mirror(sweep.folder, server.uri, timeout=30).sync_once()
            assert_complete(server.uri, sweep, tmp_path)
        finally:
            server.kill()


def wait_until_sent(folder: Path, trials: int) -> None:
    """Until MLflow has begun to get so many trials."""
    deadline = time.monotonic() + 120
    while len((read_json(folder / LEDGER) or {"trials": ()})["trials"]) < trials:
        assert time.monotonic() < deadline
        time.sleep(0.05)
