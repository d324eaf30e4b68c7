"""The cluster files under Ray's own checks, and what they and their scripts promise."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement

from tests.cluster.machine import LOCAL, ROOT

AWS = ROOT / "cluster.yaml"
GCP = ROOT / "cluster" / "gcp.yaml"
ON_PREMISES = ROOT / "cluster" / "on-premises.yaml"
FILES = [pytest.param(path, id=path.stem) for path in (AWS, GCP, ON_PREMISES)]


def tree_of(path: Path) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load(path.read_text())
    return tree


def validated(tree: dict[str, Any]) -> dict[str, Any]:
    """What `ray up` makes of the file, after its own checks."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared: dict[str, Any] = prepare_config(tree)
    validate_config(prepared)
    return prepared


def commands(path: Path) -> list[str]:
    return [
        command
        for key, values in tree_of(path).items()
        if key.endswith("_commands")
        for command in values
    ]


@pytest.mark.parametrize("path", FILES)
def test_ray_accepts_the_file(path: Path) -> None:
    prepared = validated(tree_of(path))
    assert prepared["head_node_type"] in prepared["available_node_types"]


@pytest.mark.parametrize("path", FILES)
def test_ray_accepts_what_it_hands_to_the_head(path: Path) -> None:
    """The head reads the prepared file anew, and prepares it again."""
    validated(validated(tree_of(path)))


@pytest.mark.parametrize("breakage", ["unknown key", "unknown head", "more least than most"])
def test_the_validator_sees_broken_files(breakage: str) -> None:
    tree = tree_of(AWS)
    match breakage:
        case "unknown key":
            tree["idle_timeout"] = 5
        case "unknown head":
            tree["head_node_type"] = "boss"
        case _:
            tree["available_node_types"]["gpu"]["min_workers"] = tree["max_workers"] + 1
    with pytest.raises((ValueError, jsonschema.ValidationError)):
        validated(tree)


def test_machines_of_ones_own_need_no_node_types() -> None:
    tree = tree_of(ON_PREMISES)
    workers = len(tree["provider"]["worker_ips"])
    (kind,) = validated(tree)["available_node_types"].values()
    assert kind["min_workers"] == kind["max_workers"] == workers


@pytest.mark.parametrize("path", FILES[:2])
def test_the_head_has_no_gpu_and_runs_no_trial(path: Path) -> None:
    head = tree_of(path)["available_node_types"]["head"]
    assert head["resources"] == {"CPU": 0, "GPU": 0}
    assert "InstanceMarketOptions" not in head["node_config"]
    assert "scheduling" not in head["node_config"]


@pytest.mark.parametrize("path", FILES[:2])
def test_gpu_workers_come_when_wanted_and_leave_when_idle(path: Path) -> None:
    prepared = validated(tree_of(path))
    gpu = prepared["available_node_types"]["gpu"]
    assert gpu["resources"]["GPU"] >= 1
    assert gpu["min_workers"] == 0
    assert 0 < prepared["idle_timeout_minutes"] <= 30


def test_gpu_workers_are_spot_machines() -> None:
    aws, gcp = (tree_of(path)["available_node_types"]["gpu"]["node_config"] for path in (AWS, GCP))
    assert aws["InstanceMarketOptions"]["MarketType"] == "spot"
    assert gcp["scheduling"]["provisioningModel"] == "SPOT"


@pytest.mark.parametrize("path", FILES)
def test_flags_of_ray_start_exist(path: Path) -> None:
    """Ray's validator does not read them; a wrong one shows on a paid machine only."""
    from ray.scripts.scripts import start

    known = {flag for parameter in start.params for flag in parameter.opts}
    starts = [command for command in commands(path) if "ray start" in command]
    assert len(starts) == 2
    for command in starts:
        words = shlex.split(command.partition("ray start")[2])
        flags = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert flags <= known


def test_the_files_differ_only_where_machines_do() -> None:
    """YAML cannot include: what is repeated must stay the same."""
    same = ["file_mounts", "rsync_exclude", "setup_commands", "cluster_name"]
    same += ["head_start_ray_commands", "worker_start_ray_commands"]
    aws, gcp, on_premises = (tree_of(path) for path in (AWS, GCP, ON_PREMISES))
    for key in same:
        assert aws[key] == gcp[key] == on_premises[key], key
    for key in ("head_setup_commands", "worker_setup_commands"):
        assert aws[key] == gcp[key], key


@pytest.mark.parametrize("path", FILES)
def test_pages_listen_on_the_head_alone(path: Path) -> None:
    text = " ".join(commands(path)) + (ROOT / "cluster" / "mlflow.sh").read_text()
    assert f"--dashboard-host={LOCAL}" in text
    assert f"--host {LOCAL}" in text
    assert "0.0.0.0" not in text  # noqa: S104


@pytest.mark.parametrize("path", FILES)
def test_mounted_paths_are_there(path: Path) -> None:
    mounts = tree_of(path)["file_mounts"].values()
    missing = [path for path in mounts if not path.startswith("~") and not (ROOT / path).exists()]
    assert not missing


def test_every_pinned_version_is_one_that_the_project_accepts() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "cluster" / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    wanted = [*project["dependencies"], *project["optional-dependencies"]["cluster"]]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(pinned[requirement.name]), requirement


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    script = ROOT / "cluster" / "new_secrets.sh"
    home = {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    file = tmp_path / ".unlearn" / "cluster.env"
    subprocess.run([script], env=home, check=True)
    made = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    secrets = re.findall(r"=([0-9a-f]{64})$", made, re.MULTILINE)
    assert len(set(secrets)) == 3
    subprocess.run([script], env=home, check=True)
    assert file.read_text() == made


def test_every_login_shell_asks_for_the_token(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run([ROOT / "cluster" / "new_secrets.sh"], env=home, check=True)
    script = f". {ROOT}/cluster/environment.sh; printenv RAY_AUTH_MODE UNLEARN_HOME RAY_AUTH_TOKEN"
    said = subprocess.run(
        ["bash", "-c", script], env=home, check=True, capture_output=True, text=True
    ).stdout.split()
    assert said[:2] == ["token", "/srv/unlearn"]
    assert len(said[2]) == 64
