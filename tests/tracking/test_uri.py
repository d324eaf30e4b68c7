"""Where runs are recorded when nobody says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.tracking import tracking_uri
from pipeline.tracking.uri import artifact_folder


def test_the_default_is_a_database_in_the_home_of_sweeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNLEARN_HOME", str(tmp_path))
    assert tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    assert artifact_folder(tracking_uri()) == tmp_path / "mlartifacts"
    monkeypatch.delenv("UNLEARN_HOME")
    monkeypatch.chdir(tmp_path)
    assert tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"


def test_mlflows_own_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking:5000")
    assert tracking_uri() == "http://tracking:5000"


@pytest.mark.parametrize("uri", ["http://tracking:5000", "https://a/b", "databricks"])
def test_servers_decide_themselves_where_artifacts_go(uri: str) -> None:
    assert artifact_folder(uri) is None


def test_artifacts_of_other_databases_go_to_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNLEARN_HOME", str(tmp_path))
    assert artifact_folder("postgresql://me@host/records") == tmp_path / "mlartifacts"
