"""What a head runs beside Ray, on this machine: cluster/mlflow.sh in a home of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

from tests.cluster.machine import LOCAL, ROOT

SCRIPT = ROOT / "cluster" / "mlflow.sh"


def free_port() -> int:
    with socket.create_server((LOCAL, 0)) as free:
        return int(free.getsockname()[1])


class Head:
    """A home as set_up.sh leaves it, but for the environment of Python, which is that of the tests.

    Args:
        home: an empty folder.
        settings: for `~/.unlearn/cluster.env`, beside the secrets.
    """

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        self.home = home
        self.uri = f"http://{LOCAL}:{free_port()}"
        self.own = {"HOME": str(home), "PATH": os.environ["PATH"]}
        (home / "venv").symlink_to(sys.prefix)
        subprocess.run([ROOT / "cluster" / "new_secrets.sh"], env=self.own, check=True)
        file = home / ".unlearn" / "cluster.env"
        settings = {
            **settings,
            "MLFLOW_PORT": self.uri.rpartition(":")[2],
            "UNLEARN_HOME": str(home),
        }
        with file.open("a") as lines:
            lines.writelines(f"{name}={value}\n" for name, value in settings.items())
        made = dict(re.findall(r"^(\w+)=(.*)$", file.read_text(), re.MULTILINE))
        self.credentials = {
            name: made[name] for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
        }

    def start(self) -> None:
        """Start MLflow and wait until it answers."""
        subprocess.run([SCRIPT], env=self.own, check=True)
        self.wait()

    def wait(self) -> None:
        """Wait until MLflow answers."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                if self.answer("/health") == 200:
                    return
            except OSError:
                time.sleep(0.2)
        raise TimeoutError((self.home / "mlflow" / "log").read_text()[-3000:])

    def answer(self, path: str, password: str | None = None) -> int:
        """The status with which a page is answered; without a password nobody is named."""
        request = urllib.request.Request(self.uri + path)  # noqa: S310
        if password is not None:
            user = f"{self.credentials['MLFLOW_TRACKING_USERNAME']}:{password}"
            request.add_header("Authorization", f"Basic {b64encode(user.encode()).decode()}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code

    def stop(self) -> None:
        """End MLflow, as one would on the head."""
        subprocess.run([SCRIPT, "stop"], env=self.own, check=True)
