"""Clients of MLflow: who waits how long, and where experiments come from."""

from __future__ import annotations

import socket
import time

import pytest
from mlflow.exceptions import MlflowException

from pipeline.tracking.connection import connect, experiment_id


def test_a_server_that_says_nothing_is_given_up_after_the_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        client = connect(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=1)
        began = time.monotonic()
        with pytest.raises(MlflowException):
            client.get_experiment("0")
        assert time.monotonic() - began < 4


def test_the_experiment_is_made_once_and_taken_back_from_the_bin(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(database, timeout=5)
    made = experiment_id(client, database)
    assert experiment_id(client, database) == made
    assert client.get_experiment(made).name == "unlearn"
    client.delete_experiment(made)
    assert experiment_id(client, database) == made
    assert client.get_experiment(made).lifecycle_stage == "active"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    mine = experiment_id(client, database)
    assert client.get_experiment(mine).name == "mine"


def test_nothing_is_printed_when_a_run_ends(
    database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    client = connect(database, timeout=5)
    run = client.create_run(experiment_id(client, database))
    client.set_terminated(run.info.run_id)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
