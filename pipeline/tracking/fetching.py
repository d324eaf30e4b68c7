"""From what people call a version to its files: out of the registry, or a folder that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from pipeline.config.user_path import user_path
from pipeline.search.places import MANIFEST
from pipeline.tracking.desk import registry_client
from pipeline.tracking.recorded import Recorded
from pipeline.tracking.version_name import VersionName

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SOURCE: Final = re.compile(r"runs:/([0-9a-f]{32})/(promoted/[0-9]{8}T[0-9]{12})")
"""What `unlearn promote` registers: no place on this machine, no other server, no way upwards."""


@dataclass(frozen=True)
class Version:
    """A promoted model's files, and what is known of them from elsewhere.

    Attributes:
        name: `demo/3`, or the folder as it was named.
        folder: where the files lie; unless they were there before, as long as they are asked for.
        recorded: what its manifest says.
        tags: of the version in the registry, which vouch for the manifest; empty for a folder.
        is_registered: whether it came out of the registry.
    """

    name: str
    folder: Path
    recorded: Recorded
    tags: Mapping[str, str] = field(default_factory=dict)
    is_registered: bool = False


@contextmanager
def fetched(text: str, only: frozenset[str] | None = None) -> Iterator[Version]:
    """A version's files, downloaded for the time being, or a promoted folder as it is.

    Args:
        text: `NAME/3`, `NAME@champion`, or a folder with a manifest, which goes first.
        only: names of the files in the folder that are needed; all of them if None.

    Raises:
        ValueError: there is no such version, it is none that `unlearn promote` has made, or the
            server names files outside of it.
    """
    folder = user_path(text)
    if (folder / MANIFEST).is_file():
        yield Version(text, folder, Recorded.read(folder))
        return
    if text and folder.is_dir():
        raise ValueError(
            f"{text}: expected a promoted folder, it has no {MANIFEST}; name a version of the "
            "registry, NAME/NUMBER or NAME@ALIAS"
        )
    named = VersionName.parse(text)
    with TemporaryDirectory(prefix="unlearn-") as place:
        with registry_client() as client:
            found = named.find(client)
            name = f"{found.name}/{found.version}"
            downloaded = _download(client, name, str(found.source), Path(place), only)
        recorded = Recorded.read(downloaded)
        yield Version(name, downloaded, recorded, dict(found.tags), is_registered=True)


def _download(
    client: MlflowClient, name: str, source: str, place: Path, only: frozenset[str] | None
) -> Path:
    parts = _SOURCE.fullmatch(source)
    if parts is None:
        raise ValueError(
            f"{name}: expected a version that `unlearn promote` registered, got one whose files "
            f"are {source!r}"
        )
    run, root = parts[1], parts[2]
    for path in _files(client, name, run, root):
        if only is None or path.removeprefix(f"{root}/") in only:
            # MLflow puts a single file into the folder that it is given, without those above it.
            beside = (place / path).parent
            beside.mkdir(parents=True, exist_ok=True)
            client.download_artifacts(run, path, str(beside))
    return place / root


def _files(client: MlflowClient, name: str, run: str, folder: str) -> Iterator[str]:
    """Paths of all files below an artifact's folder, none of which leads out of it."""
    for entry in client.list_artifacts(run, folder):
        path = PurePosixPath(str(entry.path))
        inside = path.parent == PurePosixPath(folder) and ".." not in path.parts
        if not inside or path.is_absolute() or "\\" in str(entry.path):
            raise ValueError(
                f"{name}: expected files of {folder}, got {entry.path!r} from the server; do not "
                "trust it"
            )
        if entry.is_dir:
            yield from _files(client, name, run, str(path))
        else:
            yield str(path)
