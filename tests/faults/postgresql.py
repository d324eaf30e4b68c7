"""A PostgreSQL server of its own that is killed and started again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest


class PostgreSQL:
    """A server on a free port of the loopback; `start` it before use.

    Args:
        programs: folder of `initdb` and `pg_ctl`.
        folder: gets its data; it must belong to whoever runs the server.
        user: who runs it; None for this process's own.
    """

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs = programs
        self._folder = folder
        self._user = user
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = int(free.getsockname()[1])
        self.uri = f"postgresql+psycopg://mlflow@127.0.0.1:{self._port}/postgres"
        self._run("initdb", "--username", "mlflow", "--auth", "trust", "--encoding", "UTF8")

    def start(self) -> None:
        """Start it, after a kill with the recovery that takes, and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1 -p {self._port} -k {self._folder}"
        log = str(self._folder / "log")
        self._run("pg_ctl", "--wait", "--log", log, "--options", options, "start")

    def kill(self) -> None:
        """End it at once: no connection is closed, nothing is written."""
        self._run("pg_ctl", "--wait", "--mode", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), "--pgdata", str(self._folder / "data"), *arguments],
            user=self._user,
            cwd=self._folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A running server; skips where PostgreSQL or its driver is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if not found or find_spec("psycopg") is None:
        pytest.skip("needs PostgreSQL, as Debian installs it, and psycopg")
    # The server refuses to be root, and nobody but root may look into pytest's folders.
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if user is not None:
        shutil.chown(folder, user)
    server = PostgreSQL(found[-1].parent, folder, user)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
