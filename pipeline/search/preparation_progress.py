"""How far a preparation is, told through its folder by one process or by several."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pipeline.search.files import read_json, write_json
from pipeline.search.places import PREPARATION

_SECONDS: Final = 0.5


class Teller:
    """Writes how far one process is, a few times a second at most.

    Args:
        folder: of the sweep.
        rank: of the process among several; None for one alone.
    """

    def __init__(self, folder: Path, rank: int | None = None) -> None:
        self._path = folder / PREPARATION if rank is None else _of_rank(folder, rank)
        self._last = 0.0

    def progress(self, part: str) -> Callable[[int, int], None]:
        """What is told of a part: called with (done, total)."""

        def tell(done: int, total: int) -> None:
            now = time.monotonic()
            if now - self._last >= _SECONDS or done == total:
                self._last = now
                write_json(self._path, {"part": part, "done": done, "total": total})

        return tell


def told(folder: Path) -> dict[str, Any]:
    """Part, done and total; of several processes the sum over those that are at the same part."""
    alone = read_json(folder / PREPARATION)
    if alone is not None:
        return alone
    read = [read_json(path) for path in sorted(folder.glob(_of_rank(folder, "*").name))]
    each = [one for one in read if one is not None]
    if not each:
        return {"part": "loading", "done": 0, "total": 0}
    here = [one for one in each if one["part"] == each[0]["part"]]
    sums = {name: sum(one[name] for one in here) for name in ("done", "total")}
    return {"part": each[0]["part"], **sums}


def forget(folder: Path) -> None:
    """Remove what was told."""
    for path in (folder / PREPARATION, *folder.glob(_of_rank(folder, "*").name)):
        path.unlink(missing_ok=True)


def _of_rank(folder: Path, rank: int | str) -> Path:
    return folder / f"{PREPARATION}.{rank}"
