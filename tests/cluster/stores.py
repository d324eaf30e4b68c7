"""A PostgreSQL server and an S3 server on this machine, for as long as a test needs them."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.head import free_port
from tests.cluster.machine import LOCAL


def postgresql_programs() -> Path | None:
    """Where Debian's newest `initdb` and `pg_ctl` lie; None where there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def postgresql(programs: Path) -> Iterator[str]:
    """A server that wants a password; yields the URI of its database."""
    # The server refuses to be root, and nobody but root may look into pytest's folders.
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir="/tmp"))
    password, port = secrets.token_hex(16), free_port()
    (folder / "password").write_text(password)
    if user is not None:
        for path in (folder, folder / "password"):
            shutil.chown(path, user)
    data = ["--pgdata", str(folder / "data")]
    # A test's records may be lost with the machine.
    options = f"-c listen_addresses={LOCAL} -p {port} -k {folder} -c fsync=off"
    control = [str(programs / "pg_ctl"), *data, "--wait"]
    try:
        subprocess.run(
            [
                *(
                    str(programs / "initdb"),
                    *data,
                    "--username",
                    "mlflow",
                    "--auth",
                    "scram-sha-256",
                ),
                *("--pwfile", str(folder / "password"), "--encoding", "UTF8", "--no-sync"),
            ],
            user=user,
            cwd=folder,
            check=True,
            capture_output=True,
        )
        start = [*control, "--log", str(folder / "log"), "--options", options, "start"]
        subprocess.run(start, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        yield f"postgresql+psycopg://mlflow:{password}@{LOCAL}:{port}/postgres"
    finally:
        stop = [*control, "--mode", "immediate", "stop"]
        subprocess.run(stop, user=user, cwd=folder, check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def aws() -> Iterator[str]:
    """A server that answers as AWS does, EC2 and S3 among it; yields its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address=LOCAL, port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()
