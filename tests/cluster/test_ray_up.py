"""`ray up` for real: cluster/on-premises.yaml over ssh on loopback, a sweep, and `ray down`.

    apt-get install openssh-server rsync iproute2
    python -m pytest -m cluster tests/cluster/test_ray_up.py

as root, for namespaces of its own. The machine there has no network: what set_up.sh installs is
downloaded before, into $UNLEARN_WHEELS where that is set, which a second run finds again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.machine import LOCAL, ROOT, Machine

PAGE = ROOT / "docs" / "who-can-reach-what.md"
DASHBOARD, MLFLOW = 18265, 15000  # the laptop's ends of the tunnels

pytestmark = pytest.mark.cluster


@pytest.fixture
def machine() -> Iterator[Machine]:
    # Sockets lie under it, and their paths may have 107 characters at most.
    scratch = Path(tempfile.mkdtemp(prefix="up-", dir="/tmp"))
    machine = Machine(scratch)
    try:
        yield machine
    finally:
        machine.stop()
        shutil.rmtree(scratch, ignore_errors=True)


def wheels(scratch: Path) -> Path:
    """All that a node installs, and what builds the project there."""
    folder = Path(os.environ.get("UNLEARN_WHEELS", scratch / "wheels"))
    if not folder.is_dir():
        download = ["-m", "pip", "download", "--quiet", "--dest", str(folder)]
        pins = ["--constraint", str(ROOT / "cluster" / "constraints.txt")]
        wanted = [f"{ROOT}[cluster]", "setuptools>=77", "wheel"]
        subprocess.run([sys.executable, *download, *pins, *wanted], check=True)
    return folder


def cluster_file(machine: Machine) -> Path:
    """The file for machines of one's own, with this one in it."""
    tree = yaml.safe_load((ROOT / "cluster" / "on-premises.yaml").read_text())
    tree["provider"] |= {"head_ip": LOCAL, "worker_ips": []}
    tree["auth"] = {"ssh_user": "root", "ssh_private_key": str(machine.key)}
    path = machine.laptop / "on-premises.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def secrets_of(machine: Machine) -> dict[str, str]:
    """Made by the script, and completed as its comments say."""
    assert machine.run(str(ROOT / "cluster" / "new_secrets.sh")).returncode == 0
    file = machine.laptop / ".unlearn" / "cluster.env"
    assert file.stat().st_mode & 0o077 == 0
    with file.open("a") as lines:
        lines.write(f"UNLEARN_HOME={machine.head}/sweeps-and-caches\n")
    rows = re.findall(r"^(\w+)=(.*)$", file.read_text(), re.MULTILINE)
    return dict(rows)


def ray(machine: Machine, *words: str, environment: dict[str, str], timeout: float = 60) -> str:
    program = str(Path(sys.executable).with_name("ray"))
    done = machine.run(program, *words, environment=environment, timeout=timeout)
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def documented_ports() -> set[int]:
    """Those of the table in the page of who can reach what."""
    rows = re.findall(r"^\| ([\d, -]+) \|", PAGE.read_text(), re.MULTILINE)
    ports: set[int] = set()
    for words in ",".join(rows).split(","):
        first, _, last = words.partition("-")
        ports |= set(range(int(first), int(last or first) + 1))
    return ports


def status(machine: Machine, url: str, *credentials: str) -> str:
    """What a request is answered with: 200, 401 ..."""
    code = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"]
    return machine.run(*code, *credentials, url).stdout


@pytest.mark.timeout(1800)
def test_up_submit_look_down(machine: Machine) -> None:
    scratch = machine.head.parent
    (machine.head / ".config" / "pip").mkdir(parents=True)
    pip = f"[global]\nno-index = true\nfind-links = {wheels(scratch)}\n"
    (machine.head / ".config" / "pip" / "pip.conf").write_text(pip)
    secrets = secrets_of(machine)
    file = str(cluster_file(machine))

    began = time.monotonic()
    ray(machine, "up", "-y", file, environment={}, timeout=1200)
    up = time.monotonic() - began

    ends = ["-L", f"{DASHBOARD}:{LOCAL}:8265", "-L", f"{MLFLOW}:{LOCAL}:5000"]
    tunnel = subprocess.Popen(machine.command(*machine.login("-N", *ends)))
    try:
        _look(machine, secrets)
        sweep = time.monotonic()
        _submit(machine, secrets)
        sweep = time.monotonic() - sweep
        _see_in_mlflow(machine, secrets)
    finally:
        tunnel.terminate()
        tunnel.wait()

    began = time.monotonic()
    ray(machine, "down", "-y", file, environment={}, timeout=120)
    down = time.monotonic() - began
    names = machine.run("ps", "-eo", "args").stdout
    assert "raylet" not in names
    assert "mlflow" in names  # records can be read until it is stopped as well
    stop = f"HOME={machine.head} {machine.head}/unlearn/cluster/mlflow.sh stop"
    assert machine.run("bash", "-c", stop).returncode == 0
    assert "mlflow" not in machine.run("ps", "-eo", "args").stdout
    sys.stderr.write(f"ray up {up:.0f} s, sweep {sweep:.0f} s, ray down {down:.0f} s\n")


def _look(machine: Machine, secrets: dict[str, str]) -> None:
    """Both doors are closed to those without a password, and every open port is documented."""
    deadline = time.monotonic() + 120
    mlflow = f"http://{LOCAL}:{MLFLOW}"
    while status(machine, f"{mlflow}/health") != "200" and time.monotonic() < deadline:
        time.sleep(1)
    experiment = f"{mlflow}/api/2.0/mlflow/experiments/get?experiment_id=0"
    assert status(machine, experiment) == "401"
    user = f"{secrets['MLFLOW_TRACKING_USERNAME']}:{secrets['MLFLOW_TRACKING_PASSWORD']}"
    assert status(machine, experiment, "-u", user) == "200"
    jobs = f"http://{LOCAL}:{DASHBOARD}/api/jobs/"
    assert status(machine, jobs) == "401"
    listening = machine.run("ss", "-Hltn").stdout
    open_ports = {int(port) for port in re.findall(r":(\d+) +\S+:\*", listening)}
    assert {22, 5000, 6379, 8265} <= open_ports
    assert open_ports - {DASHBOARD, MLFLOW} <= documented_ports()
    token = f"Authorization: Bearer {secrets['RAY_AUTH_TOKEN']}"
    assert status(machine, jobs, "-H", token) == "200"


def _submit(machine: Machine, secrets: dict[str, str]) -> None:
    submitted = ray(
        machine,
        *("job", "submit", "--address", f"http://{LOCAL}:{DASHBOARD}", "--"),
        *("unlearn", "sweep", f"{machine.head}/unlearn/search_spaces/smoke.yaml", "--name", "far"),
        environment=secrets,
        timeout=900,
    )
    assert "succeeded" in submitted
    folder = machine.head / "sweeps-and-caches" / "sweeps" / "far"
    assert json.loads((folder / "sweep.json").read_text())["status"] == "finished"
    assert len(list(folder.glob("trials/*/report.json"))) == 2


def _see_in_mlflow(machine: Machine, secrets: dict[str, str]) -> None:
    look = (
        "import mlflow; mlflow.set_tracking_uri('http://%s:%d'); "
        "runs = mlflow.search_runs(search_all_experiments=True); "
        "print(sorted(runs['status']), len(runs))"
    )
    seen = machine.run(sys.executable, "-c", look % (LOCAL, MLFLOW), environment=secrets)
    assert "['FINISHED', 'FINISHED', 'FINISHED'] 3" in seen.stdout, seen.stdout
