"""A machine of its own as far as processes and network go: Linux namespaces with an sshd in them.

Its loopback is nobody else's, so that every port of the cluster files is free; and `ray stop`,
which ends all of Ray that it can see, sees nothing but what was started here.
"""

from __future__ import annotations

import getpass
import os
import subprocess
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
LOCAL = "127.0.0.1"

_BOOT = """
ip link set lo up
mkdir -p /tmp/ray
mount --bind "$1/ray" /tmp/ray
mount -t tmpfs tmpfs /run
mkdir /run/sshd
exec /usr/sbin/sshd -D -e -f "$1/sshd_config"
"""

_SSHD = """
ListenAddress {local}
Port 22
HostKey {scratch}/host_key
AuthorizedKeysFile {scratch}/key.pub
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
SetEnv HOME={scratch}/head
"""


class Machine:
    """Started when made; whoever logs in has `head` of the scratch folder as home.

    Args:
        scratch: an empty folder, which gets the keys, both homes and Ray's files.

    Attributes:
        head: the home on the machine.
        laptop: the home of the one who logs in.
        key: that one's private key.
    """

    def __init__(self, scratch: Path) -> None:
        self.head, self.laptop, self.key = scratch / "head", scratch / "laptop", scratch / "key"
        for folder in (self.head, self.laptop, scratch / "ray"):
            folder.mkdir(exist_ok=True)
        for name in ("key", "host_key"):
            keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(scratch / name)]
            subprocess.run(keygen, check=True)
        (scratch / "sshd_config").write_text(_SSHD.format(local=LOCAL, scratch=scratch))
        self._log = (scratch / "sshd.log").open("wb")
        self._process = subprocess.Popen(
            [
                *("unshare", "--net", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child"),
                *("sh", "-e", "-c", _BOOT, "sh", str(scratch)),
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._first = self._first_process()

    def command(self, *words: str) -> list[str]:
        """The command line that runs a command on the machine, in the project's folder."""
        enter = ["nsenter", "--target", str(self._first), "--net", "--pid", "--mount", "--"]
        return [*enter, "env", f"--chdir={ROOT}", *words]

    def run(
        self, *words: str, environment: dict[str, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine as the one with the laptop; both outputs in `stdout`."""
        inherited = {name: os.environ[name] for name in ("PATH", "TERM") if name in os.environ}
        return subprocess.run(
            self.command(*words),
            env={**inherited, "HOME": str(self.laptop), **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def login(self, *options: str) -> list[str]:
        """The command line of an ssh to the machine."""
        trusting = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
        return [
            "ssh",
            "-q",
            "-i",
            str(self.key),
            *trusting,
            *options,
            f"{getpass.getuser()}@{LOCAL}",
        ]

    def stop(self) -> None:
        """End it, with all that runs there."""
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _first_process(self) -> int:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            children = psutil.Process(self._process.pid).children()
            if children and children[0].name() == "sshd":
                return int(children[0].pid)
            time.sleep(0.1)
        raise TimeoutError(
            "no sshd within 10 s: namespaces want root, sshd Debian's openssh-server"
        )
