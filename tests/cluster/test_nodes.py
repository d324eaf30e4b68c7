"""A sweep on several nodes: the head proposes, another one runs the trials."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from pipeline.search.records import read_sweep
from tests.cli.command import SMOKE, run_unlearn
from tests.cluster.head import free_port
from tests.cluster.machine import LOCAL

UNSHARE = ("unshare", "--mount", "--map-root-user")


@pytest.fixture
def head() -> Iterator[Cluster]:
    """A head without cores, as that of the cluster files."""
    # Sockets lie under it, and their paths may have 107 characters at most.
    scratch = tempfile.mkdtemp(prefix="nodes-", dir="/tmp")
    arguments = {"num_cpus": 0, "num_gpus": 0, "object_store_memory": 10**8, "temp_dir": scratch}
    cluster = Cluster(initialize_head=True, head_node_args=arguments)
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)


@pytest.mark.timeout(600)
def test_trials_run_on_another_node(head: Cluster, tmp_path: Path) -> None:
    head.add_node(num_cpus=2, num_gpus=0, object_store_memory=10**8)
    told = run_unlearn(
        tmp_path,
        *("sweep", SMOKE, "--name", "far", "--trials", 1),
        settings={"RAY_ADDRESS": head.address},
    )
    assert told.returncode == 0, told.stdout + told.stderr
    record = read_sweep(tmp_path / "sweeps" / "far")
    assert record.status == "finished"
    assert [trial.state for trial in record.trials] == ["complete"]


def can_hide_folders() -> bool:
    return subprocess.run([*UNSHARE, "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(not can_hide_folders(), reason="wants mount namespaces")
def test_nodes_that_share_no_disk_are_told_to(head: Cluster, tmp_path: Path) -> None:
    """The second node sees an empty folder where the head has the sweep."""
    hide = 'mount -t tmpfs tmpfs "$1"; shift; exec "$@"'
    program = str(Path(sys.executable).with_name("ray"))
    start = [program, "start", "--block", f"--address={head.address}", f"--node-ip-address={LOCAL}"]
    start += ["--num-cpus=2", "--num-gpus=0", "--object-store-memory=100000000"]
    # Others on this machine may have the usual one.
    start += [f"--dashboard-agent-listen-port={free_port()}"]
    node = subprocess.Popen(
        [*UNSHARE, "sh", "-e", "-c", hide, "sh", str(tmp_path), *start],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        _wait_for_cores(head)
        told = run_unlearn(
            tmp_path, "sweep", SMOKE, "--name", "apart", settings={"RAY_ADDRESS": head.address}
        )
    finally:
        node.terminate()
        node.wait(30)
    assert told.returncode == 2, told.stdout + told.stderr
    assert "set UNLEARN_HOME to a shared disk" in told.stderr
    assert "Traceback" not in told.stderr


def _wait_for_cores(head: Cluster) -> None:
    ray.init(address=head.address, log_to_driver=False)
    deadline = time.monotonic() + 60
    while not ray.cluster_resources().get("CPU") and time.monotonic() < deadline:
        time.sleep(0.5)
    ray.shutdown()
