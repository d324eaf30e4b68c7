"""MLflow as the head runs it: behind a password, on the stores that the environment names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import psycopg
import pytest

from tests.cli.command import SMOKE, run_unlearn
from tests.cluster.head import Head
from tests.cluster.machine import LOCAL
from tests.cluster.stores import aws, postgresql, postgresql_programs

EXPERIMENT = "/api/2.0/mlflow/experiments/get?experiment_id=0"
BUCKET, REGION = "artifacts", "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "head", "AWS_SECRET_ACCESS_KEY": "only-the-head-has-it"}


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Head]:
    """With what comes without settings: SQLite and a disk."""
    (tmp_path / "head").mkdir()
    head = Head(tmp_path / "head", {})
    head.start()
    try:
        yield head
    finally:
        head.stop()


def test_mlflow_asks_for_the_password_and_comes_back_when_killed(head: Head) -> None:
    password = head.credentials["MLFLOW_TRACKING_PASSWORD"]
    for path in (EXPERIMENT, "/", "/api/2.0/mlflow-artifacts/artifacts"):
        assert head.answer(path) == 401, path
        assert head.answer(path, "wrong") == 401, path
    assert head.answer(EXPERIMENT, password) == 200
    assert (head.home / "mlflow" / "mlflow.db").stat().st_mode & 0o077 == 0

    (server,) = servers(head)
    family = [server, *server.children(recursive=True)]
    open_ports = [each.laddr for one in family for each in one.net_connections("inet")]
    assert {address.ip for address in open_ports} == {LOCAL}
    head.start()  # again, as `ray up` does
    assert servers(head) == [server]

    for process in family:
        process.kill()
    server.wait(10)
    head.wait()
    assert head.answer(EXPERIMENT, password) == 200


def servers(head: Head) -> list[psutil.Process]:
    """The servers that listen on the head's port, without their workers."""
    port = head.uri.rpartition(":")[2]
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "server" in (words := process.info["cmdline"] or [])
        and port in words
        and "basic-auth" in words
    ]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(postgresql_programs() is None, reason="wants Debian's package `postgresql`")
def test_a_sweep_and_a_promotion_on_postgresql_and_s3_without_keys_of_either(
    tmp_path: Path,
) -> None:
    programs = postgresql_programs()
    assert programs is not None
    with postgresql(programs) as database, aws() as s3:
        keys = {name.lower(): value for name, value in KEYS.items()}
        bucket = boto3.resource("s3", REGION, endpoint_url=s3, **keys).Bucket(BUCKET)
        bucket.create()
        (tmp_path / "head").mkdir()
        settings = {
            "MLFLOW_BACKEND_STORE_URI": database,
            "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{BUCKET}/unlearn",
            "MLFLOW_S3_ENDPOINT_URL": s3,
            "AWS_DEFAULT_REGION": REGION,
            **KEYS,
        }
        head = Head(tmp_path / "head", settings)
        head.start()
        try:
            _sweep_and_promote(tmp_path, head)
        finally:
            head.stop()
        with psycopg.connect(database.replace("+psycopg", "")) as records:
            runs = records.execute("SELECT status FROM runs").fetchall()
            versions = records.execute("SELECT name, version FROM model_versions").fetchall()
        assert runs == [("FINISHED",)] * 2  # the sweep's and its trial's
        assert versions == [("stored", 1)]
        stored = [each.key for each in bucket.objects.all()]
        assert any(key.endswith("unet/diffusion_pytorch_model.safetensors") for key in stored)
        assert not (head.home / "mlflow" / "artifacts").exists()


def _sweep_and_promote(folder: Path, head: Head) -> None:
    client = {"MLFLOW_TRACKING_URI": head.uri, **head.credentials}
    told = run_unlearn(folder, "sweep", SMOKE, "--name", "stored", "--trials", 1, settings=client)
    assert told.returncode == 0, told.stdout + told.stderr
    bound = ("--at-least", "erasure=0.01")
    told = run_unlearn(folder, "promote", "stored", *bound, settings=client)
    assert told.returncode == 0, told.stdout + told.stderr
