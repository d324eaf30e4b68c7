"""A cluster of several nodes in token mode: who may submit, where trials run, what is shared."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from pipeline.search.records import read_sweep
from tests.cli.command import SMOKE, run_unlearn
from tests.cluster.head import free_port
from tests.cluster.machine import LOCAL, ROOT

RAY = str(Path(sys.executable).with_name("ray"))
UNSHARE = ("unshare", "--mount", "--map-root-user")


@pytest.fixture(scope="module")
def head() -> Iterator[Cluster]:
    """A head without cores, as that of the cluster files."""
    # Sockets lie under it, and their paths may have 107 characters at most.
    scratch = tempfile.mkdtemp(prefix="nodes-", dir="/tmp")
    arguments = {
        "num_cpus": 0,
        "object_store_memory": 10**8,
        "temp_dir": scratch,
        "include_dashboard": True,
        "dashboard_host": LOCAL,
        "dashboard_port": free_port(),
        # Others on this machine may have the usual one.
        "dashboard_agent_listen_port": free_port(),
    }
    cluster = Cluster(initialize_head=True, head_node_args=arguments)
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)


def dashboard(cluster: Cluster) -> str:
    return f"http://{cluster.webui_url}"


def jobs(cluster: Cluster, token: str | None) -> list[dict[str, Any]]:
    """The list of jobs, over plain HTTP."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{dashboard(cluster)}/api/jobs/", headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found: list[dict[str, Any]] = json.load(answer)
    return found


def test_the_jobs_api_refuses_those_without_the_token(head: Cluster) -> None:
    for token in (None, "0" * 64):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            jobs(head, token)
        assert refusal.value.code in {401, 403}


def test_a_job_is_not_submitted_without_the_token(head: Cluster, tmp_path: Path) -> None:
    submit = [
        RAY,
        "job",
        "submit",
        "--address",
        dashboard(head),
        "--",
        "touch",
        str(tmp_path / "done"),
    ]
    stranger = {**os.environ, "RAY_AUTH_TOKEN": "0" * 64}
    refused = subprocess.run(
        submit, env=stranger, capture_output=True, text=True, timeout=120, check=False
    )
    assert refused.returncode != 0
    assert "token" in (refused.stdout + refused.stderr).lower()
    assert not (tmp_path / "done").exists()


def can_hide_folders() -> bool:
    return subprocess.run([*UNSHARE, "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.timeout(600)
@pytest.mark.skipif(not can_hide_folders(), reason="wants mount namespaces")
def test_nodes_that_share_no_disk_are_told_to(head: Cluster, tmp_path: Path) -> None:
    """The second node sees an empty folder where the head has the sweep."""
    hide = 'mount -t tmpfs tmpfs "$1"; shift; exec "$@"'
    start = [RAY, "start", "--block", f"--address={head.address}", f"--node-ip-address={LOCAL}"]
    start += ["--num-cpus=2", "--num-gpus=0", "--object-store-memory=100000000"]
    start += [f"--dashboard-agent-listen-port={free_port()}"]
    node = subprocess.Popen(
        [*UNSHARE, "sh", "-e", "-c", hide, "sh", str(tmp_path), *start], stdout=subprocess.DEVNULL
    )
    try:
        _wait_for_cores(head, 2)
        told = run_unlearn(
            tmp_path, "sweep", SMOKE, "--name", "apart", settings={"RAY_ADDRESS": head.address}
        )
    finally:
        node.terminate()
        node.wait(30)
    assert told.returncode == 2, told.stdout + told.stderr
    assert "set UNLEARN_HOME to a shared disk" in told.stderr
    assert "Traceback" not in told.stderr
    _wait_for_cores(head, 0)


@pytest.mark.timeout(900)
def test_the_trials_of_a_submitted_sweep_run_on_another_node(head: Cluster, tmp_path: Path) -> None:
    head.add_node(num_cpus=2, num_gpus=0, object_store_memory=10**8)
    entrypoint = [sys.executable, "-m", "pipeline", "sweep", str(SMOKE), "--name", "far"]
    settings = {"env_vars": {"PYTHONPATH": str(ROOT), "UNLEARN_HOME": str(tmp_path)}}
    submitted = subprocess.run(
        [
            *(RAY, "job", "submit", "--address", dashboard(head)),
            *("--runtime-env-json", json.dumps(settings), "--", *entrypoint),
        ],
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    assert "SUCCEEDED" in {job["status"] for job in jobs(head, os.environ["RAY_AUTH_TOKEN"])}
    record = read_sweep(tmp_path / "sweeps" / "far")
    assert record.status == "finished"
    assert [trial.state for trial in record.trials] == ["complete"] * 2


def _wait_for_cores(cluster: Cluster, count: int) -> None:
    ray.init(address=cluster.address, log_to_driver=False)
    deadline = time.monotonic() + 60
    while ray.cluster_resources().get("CPU", 0) != count and time.monotonic() < deadline:
        time.sleep(0.5)
    ray.shutdown()
