"""A sweep through the real Jobs API of a cluster in token mode."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class LocalCluster:
    """A Ray cluster of this machine.

    Attributes:
        address: of dashboard and Jobs API.
        environment: what a client of it needs, the token among it.
    """

    address: str
    environment: dict[str, str]

    def jobs(self, *, token: str | None) -> list[dict[str, Any]]:
        """The list of jobs, over plain HTTP."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"{self.address}/api/jobs/", headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            found: list[dict[str, Any]] = json.load(answer)
        return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    # Sockets lie under it, and their paths may have 107 characters at most.
    scratch = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("RAY_ADDRESS", None)
    dashboard, *others = free_ports(8)
    flags = (
        *("port", "ray-client-server-port", "node-manager-port", "metrics-export-port"),
        *("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port"),
    )
    log = (scratch / "start.log").open("w")
    process = subprocess.Popen(
        [
            *(ray_program(), "start", "--head", "--block", f"--node-ip-address={LOCAL}"),
            *(f"--{flag}={port}" for flag, port in zip(flags, others, strict=True)),
            *(f"--dashboard-host={LOCAL}", f"--dashboard-port={dashboard}"),
            *("--num-cpus=2", "--num-gpus=0", "--object-store-memory=100000000"),
            *(f"--temp-dir={scratch}", "--disable-usage-stats"),
        ],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    started = LocalCluster(f"http://{LOCAL}:{dashboard}", environment)
    try:
        wait_until_it_answers(started, process, scratch / "start.log")
        yield started
    finally:
        stop(process)
        log.close()
        shutil.rmtree(scratch, ignore_errors=True)


def ray_program() -> str:
    return str(Path(sys.executable).with_name("ray"))


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((LOCAL, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_until_it_answers(
    cluster: LocalCluster, process: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            cluster.jobs(token=cluster.environment["RAY_AUTH_TOKEN"])
        except OSError:
            time.sleep(1)
        else:
            return
    pytest.fail(f"the cluster did not start:\n{log.read_text()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the cluster's processes: those of ours, and no others."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
    for member in family:
        if member.is_running():
            member.kill()
    psutil.wait_procs(family, timeout=10)


def test_the_jobs_api_refuses_those_without_the_token(cluster: LocalCluster) -> None:
    for token in (None, "0" * 64):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            cluster.jobs(token=token)
        assert refusal.value.code in {401, 403}


def test_a_job_is_not_submitted_without_the_token(cluster: LocalCluster, tmp_path: Path) -> None:
    done = tmp_path / "done"
    refused = subprocess.run(
        [ray_program(), "job", "submit", "--address", cluster.address, "--", "touch", str(done)],
        env={**cluster.environment, "RAY_AUTH_TOKEN": "0" * 64},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert refused.returncode != 0
    assert "token" in (refused.stdout + refused.stderr).lower()
    assert not done.exists()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_sweep_submitted_through_the_jobs_api_ends_complete(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    entrypoint = [sys.executable, "-m", "pipeline", "sweep"]
    entrypoint += [str(ROOT / "search_spaces" / "smoke.yaml"), "--name", "by-job"]
    entrypoint += ["--home", str(tmp_path)]
    submitted = subprocess.run(
        [
            *(ray_program(), "job", "submit", "--address", cluster.address),
            *("--submission-id", "sweep-by-job"),
            *("--runtime-env-json", json.dumps({"env_vars": {"PYTHONPATH": str(ROOT)}})),
            *("--", *entrypoint),
        ],
        env=cluster.environment,
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    (job,) = cluster.jobs(token=cluster.environment["RAY_AUTH_TOKEN"])
    assert job["status"] == "SUCCEEDED"
    folder = tmp_path / "sweeps" / "by-job"
    assert json.loads((folder / "sweep.json").read_text())["status"] == "finished"
    reports = list(folder.glob("trials/*/report.json"))
    smoke = yaml.safe_load((ROOT / "search_spaces" / "smoke.yaml").read_text())
    assert len(reports) == smoke["budget"]["trials"]
