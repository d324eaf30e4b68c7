"""The cluster file under Ray's own validator, and a sweep through the real Jobs API."""

from __future__ import annotations

import json
import os
import secrets
import shlex
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

import jsonschema
import psutil
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
LOCAL = "127.0.0.1"


def cluster_tree() -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    return tree


def validated(tree: dict[str, Any]) -> dict[str, Any]:
    """What `ray up` makes of the file, after its own checks."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared: dict[str, Any] = prepare_config(tree)
    validate_config(prepared)
    return prepared


def commands(tree: dict[str, Any]) -> list[str]:
    return [
        command for key, values in tree.items() if key.endswith("_commands") for command in values
    ]


def test_ray_accepts_the_cluster_file() -> None:
    assert validated(cluster_tree())["head_node_type"] == "head"


@pytest.mark.parametrize("breakage", ["unknown key", "unknown head", "more least than most"])
def test_the_validator_sees_broken_files(breakage: str) -> None:
    tree = cluster_tree()
    match breakage:
        case "unknown key":
            tree["idle_timeout"] = 5
        case "unknown head":
            tree["head_node_type"] = "boss"
        case _:
            tree["available_node_types"]["gpu"]["min_workers"] = tree["max_workers"] + 1
    with pytest.raises((ValueError, jsonschema.ValidationError)):
        validated(tree)


def test_the_head_has_no_gpu_and_runs_no_trial() -> None:
    head = cluster_tree()["available_node_types"]["head"]
    assert head["resources"] == {"CPU": 0, "GPU": 0}
    assert "InstanceMarketOptions" not in head["node_config"]


def test_gpu_workers_come_from_the_spot_market_and_leave_when_idle() -> None:
    prepared = validated(cluster_tree())
    gpu = prepared["available_node_types"]["gpu"]
    assert gpu["resources"]["GPU"] >= 1
    assert gpu["min_workers"] == 0
    assert gpu["node_config"]["InstanceMarketOptions"]["MarketType"] == "spot"
    assert 0 < prepared["idle_timeout_minutes"] <= 30


def test_flags_of_ray_start_exist() -> None:
    """Ray's validator does not read them; a wrong one shows on a paid machine only."""
    from ray.scripts.scripts import start

    known = {flag for parameter in start.params for flag in parameter.opts}
    starts = [command for command in commands(cluster_tree()) if "ray start" in command]
    assert len(starts) == 2
    for command in starts:
        words = shlex.split(command.partition("ray start")[2])
        flags = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert flags <= known


def test_flags_of_the_mlflow_server_exist() -> None:
    from mlflow.cli import server

    known = {flag for parameter in server.params for flag in parameter.opts}
    (command,) = [text for text in commands(cluster_tree()) if "mlflow server" in text]
    words = shlex.split(command.partition("mlflow server")[2])
    assert {word for word in words if word.startswith("--")} <= known


def test_pages_listen_on_the_head_alone() -> None:
    text = " ".join(cluster_tree()["head_start_ray_commands"])
    assert f"--dashboard-host={LOCAL}" in text
    assert f"mlflow server --host {LOCAL}" in text
    assert "=0.0.0.0" not in text
    assert " 0.0.0.0" not in text


def test_mounted_paths_are_there() -> None:
    mounts = cluster_tree()["file_mounts"].values()
    missing = [path for path in mounts if not path.startswith("~") and not (ROOT / path).exists()]
    assert not missing


def test_every_login_shell_asks_for_the_token(tmp_path: Path) -> None:
    """The command that writes the nodes' environment, run in a home of its own, twice."""
    (command,) = [text for text in cluster_tree()["setup_commands"] if "RAY_AUTH_MODE" in text]
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    for _ in range(2):
        subprocess.run(["bash", "-c", f"true && ({command})"], env=home, check=True)
    bashrc = (tmp_path / ".bashrc").read_text()
    assert bashrc.count("unlearn-environment") == 1
    said = subprocess.run(
        ["bash", "-c", ". ~/.bashrc; echo $RAY_AUTH_MODE $UNLEARN_HOME ${PATH%%:*}"],
        env=home,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert said.split() == ["token", "/srv/unlearn", f"{tmp_path}/venv/bin"]


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
