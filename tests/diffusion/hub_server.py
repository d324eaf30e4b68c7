"""A hub on 127.0.0.1: the few endpoints that fetching a repository's files asks."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_TheSecretOfThisTest"  # noqa: S105  (it opens nothing)


@dataclass
class Hub:
    """What is there, and what was asked for.

    Attributes:
        repositories: name -> folder of its files, at `COMMIT` and the branch `main`.
        gated: names of those that are not handed out.
        fetched: paths of files that were sent.
        address: of the server.
    """

    repositories: dict[str, Path]
    gated: frozenset[str] = frozenset()
    fetched: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub, answering until the end."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[0] == "cdn":
            self._file("/".join(parts[1:3]), "/".join(parts[3:]))
        elif parts[:2] == ["api", "models"]:
            self._api("/".join(parts[2:4]), parts[4:])
        elif parts[2:3] == ["resolve"]:
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self._error(404, "EntryNotFound")

    def _api(self, name: str, rest: list[str]) -> None:
        if self._refused(name, rest[1] if rest else "main"):
            return
        if rest[:1] == ["tree"]:
            folder = self.hub.repositories[name]
            self._json([_entry(folder, path) for path in sorted(folder.rglob("*"))])
        else:
            self._json({"id": name, "sha": COMMIT, "siblings": []})

    def _resolve(self, name: str, revision: str, path: str) -> None:
        if self._refused(name, revision):
            return
        if name in self.hub.gated:
            self._error(401, "GatedRepo")
            return
        data = (self.hub.repositories[name] / path).read_bytes()
        headers = {"X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(data))}
        headers |= {"X-Linked-Etag": f'"{_sha(data)}"'}
        # Files come from another host, which is followed for their bytes alone.
        there = self.hub.address.replace("127.0.0.1", "localhost")
        headers |= {"Location": f"{there}/cdn/{name}/{path}"}
        self._send(302, b"", headers)

    def _file(self, name: str, path: str) -> None:
        data = (self.hub.repositories[name] / path).read_bytes()
        if self.command == "GET":
            self.hub.fetched.append(path)
        self._send(200, data, {"ETag": f'"{_sha(data)}"'})

    def _refused(self, name: str, revision: str) -> bool:
        if name not in self.hub.repositories:
            self._error(401, "RepoNotFound")
        elif revision not in ("main", COMMIT):
            self._error(404, "RevisionNotFound")
        else:
            return False
        return True

    def _error(self, status: int, code: str) -> None:
        # A hub that quotes its visitor: no message may pass that on.
        said = {"X-Error-Code": code, "X-Error-Message": f"{code} {TOKEN}"}
        self._send(status, b"{}", said)

    def _json(self, data: object) -> None:
        self._send(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


def _entry(folder: Path, path: Path) -> dict[str, object]:
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        return {"type": "directory", "path": name, "oid": "0" * 40}
    data = path.read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return {"type": "file", "path": name, "size": len(data), "oid": git}


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
