"""Who a judge is: a name to read, and a fingerprint over all that decides its verdicts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from pipeline.evaluation.report import JudgeIdentity

_SNAPSHOTS: Final = "snapshots"
_COMMIT_LETTERS: Final = 12


def identity_of(folder: Path, settings: Mapping[str, JsonValue] | None = None) -> JudgeIdentity:
    """Of a judge whose weights and configuration lie in a folder.

    Args:
        folder: whose safetensors, JSON and text files are read.
        settings: what decides beyond them.
    """
    files = [*folder.glob("*.json"), *folder.glob("*.txt"), *folder.glob("*.safetensors")]
    return identity_of_files(_name(folder), files, settings)


def identity_of_files(
    name: str, files: Iterable[Path], settings: Mapping[str, JsonValue] | None = None
) -> JudgeIdentity:
    """Of a judge whose weights and configuration are these files."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    if settings:
        digest.update(json.dumps(settings, sort_keys=True).encode())
    return JudgeIdentity(name=name, fingerprint=digest.hexdigest(), settings=dict(settings or {}))


def identity_of_several(judges: Mapping[str, JudgeIdentity]) -> JudgeIdentity:
    """Of judges of one axis each, by axis."""
    plain = {axis: judge.model_dump(mode="json") for axis, judge in judges.items()}
    return JudgeIdentity(
        name=", ".join(f"{judge.name} ({axis})" for axis, judge in judges.items()),
        fingerprint=hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest(),
        settings=plain,
    )


def _name(folder: Path) -> str:
    """The folder's own name; of one in the hub's cache, its id and the beginning of its commit."""
    resolved = folder.resolve()
    if resolved.parent.name != _SNAPSHOTS:
        return resolved.name
    owner = resolved.parent.parent.name.removeprefix("models--").replace("--", "/")
    return f"{owner}@{resolved.name[:_COMMIT_LETTERS]}"
