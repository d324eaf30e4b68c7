"""An empty database of MLflow's, made once, and servers on copies of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.tracking.connection import connect
from tests.tracking.registered import Registered
from tests.tracking.registered import registered as registered_models
from tests.tracking.server import Server
from tests.tracking.sweeps import SCORES, Sweep


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    connect(f"sqlite:///{path}", timeout=5).search_experiments()
    return path


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """What `connect` sets in the environment ends with the test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def database(tmp_path: Path, empty_database: Path) -> str:
    """The URI of an empty database without a server, in a folder of its own."""
    folder = tmp_path / "records"
    folder.mkdir()
    shutil.copyfile(empty_database, folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture
def server(tmp_path: Path, empty_database: Path) -> Iterator[Server]:
    """A server that is not started yet."""
    server = Server(tmp_path / "server", empty_database)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def registered(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Iterator[Registered]:
    """Models in every form in a real registry; whoever changes anything of it puts it back."""
    with registered_models(tmp_path_factory.mktemp("registered"), empty_database) as found:
        yield found


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """Four complete trials."""
    return Sweep(tmp_path / "sweeps" / "tiny", SCORES)
