"""Marks beside promoted folders: which version each one is, and whether it counts.

`SWEEP/champion` is found by them without a server, so they must say what the registry says.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path

from pipeline.search.files import read_json, write_json
from pipeline.tracking.succession import Tell


def unmarked(folder: Path) -> Path:
    """Where a trial is promoted to: the folder itself, or `FOLDER-2`, `FOLDER-3` and so on.

    A folder with a mark holds a registered version, which may be the champion: it stays as it is.
    """
    if not folder.with_suffix(".json").exists():
        return folder
    names = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return next(each for each in names if not each.with_suffix(".json").exists())


def mark(folder: Path, name: str, version: int, standing: str) -> None:
    """Say which version a promoted folder is; until then it is none.

    Args:
        folder: of the model; the mark lies beside it.
        name: of the registered model.
        version: its number.
        standing: `champion` for the one that `SWEEP/champion` means.
    """
    facts = {"name": name, "version": version, "standing": standing}
    write_json(folder.with_suffix(".json"), facts)


def marking(sweeps: Path) -> Tell:
    """What brings the marks in a folder of sweeps up to date."""

    def tell(name: str, standings: Mapping[int, str]) -> None:
        for path in sorted(sweeps.glob("*/promoted/[0-9]*.json")):
            facts = read_json(path) or {}
            version = facts.get("version")
            # A mark without a name is older than `--into`: its model is called as its sweep.
            if facts.get("name", path.parent.parent.name) != name or not isinstance(version, int):
                continue
            if version not in standings:
                continue
            if facts.get("standing") != standings[version]:
                mark(path.with_suffix(""), name, version, standings[version])

    return tell
