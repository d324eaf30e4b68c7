"""A machine of the cluster that goes away in the middle of a trial, and another one that comes."""

from __future__ import annotations

import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from pipeline.search.records import read_sweep
from tests.faults.sweeps import NAME, assert_nothing_lost, long_space, start
from tests.search.sweeping import (
    finished,
    is_marked,
    mark,
    wait_for_death,
    wait_until_halfway,
    worker_of,
)

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

# With the address that Ray finds: a head on 127.0.0.1 is not reached from another process.
NODE = {"num_cpus": 2, "object_store_memory": 10**8}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A head that runs no trials, and one node that does."""
    # Sockets lie under it, and their paths may have 107 characters at most.
    scratch = tempfile.mkdtemp(prefix="nodes-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", scratch)
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        own_port = {"dashboard_agent_listen_port": free_port()}
        cluster = Cluster(initialize_head=True, head_node_args={**NODE, **own_port, "num_cpus": 0})
        try:
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()
            shutil.rmtree(scratch, ignore_errors=True)


def test_a_sweep_outlives_a_node(cluster: Cluster, tmp_path: Path) -> None:
    lost = cluster.add_node(**NODE, dashboard_agent_listen_port=free_port())
    folder = tmp_path / "home" / "sweeps" / NAME
    (tmp_path / "home").mkdir()
    sweep = start(tmp_path, tmp_path / "home", long_space(), RAY_ADDRESS=cluster.address)
    hit = wait_until_halfway(sweep, folder)
    worker = worker_of(hit)
    assert worker is not None
    cluster.remove_node(lost, allow_graceful=False)
    wait_for_death(worker)
    done = finished(folder)
    assert hit.number not in done
    mark(hit)
    time.sleep(5)
    assert sweep.process.poll() is None, sweep.log.read_text()
    assert read_sweep(folder).status == "running"

    cluster.add_node(**NODE, dashboard_agent_listen_port=free_port())
    text = sweep.end()
    assert sweep.process.returncode == 0, text
    assert_nothing_lost(folder, 3, done)
    assert is_marked(hit), "a trial of the lost node was begun anew"
