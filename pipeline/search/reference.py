"""The random search that a sweep can be measured by: another sweep of the same space beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pipeline.config import ConfigError, SearchSpace, load_space
from pipeline.config.fairness import ITS_OWN
from pipeline.search.files import read_json
from pipeline.search.places import SPACE, SWEEP
from pipeline.search.records import SweepReader, SweepRecord

_RANDOM: Final = "random"


class ReferenceFinder:
    """Finds the random search for a sweep again and again, at the cost of what is new beside it.

    It is a sweep in the same home whose file is the same but for name, gate, budget and scaling,
    that started from the same base and was judged on it with the same result, whose sampler is
    `random`, and that stops no trial early: by its early results it would be a search of its own.
    Of several the one with the most complete trials is taken.
    """

    def __init__(self) -> None:
        self._spaces: dict[Path, tuple[int, SearchSpace | None]] = {}
        self._readers: dict[Path, SweepReader] = {}

    def find(self, record: SweepRecord) -> SweepRecord | None:
        """The random search for a sweep; None without one, and for a random search itself."""
        if record.space.budget.sampler == _RANDOM:
            return None
        wanted = _asked(record.space)
        found = [
            sweep
            for folder in self._random_searches(record.folder)
            if _asked(self._spaces[folder][1]) == wanted
            and (sweep := self._read(folder)) is not None
            and sweep.base_metrics == record.base_metrics
        ]
        return max(found, key=_complete, default=None)

    def _random_searches(self, own: Path) -> list[Path]:
        folders = (path.parent for path in own.parent.glob(f"*/{SPACE}"))
        return [folder for folder in sorted(folders) if folder != own and self._is_random(folder)]

    def _is_random(self, folder: Path) -> bool:
        path = folder / SPACE
        try:
            version = path.stat().st_mtime_ns
            if folder not in self._spaces or self._spaces[folder][0] != version:
                # Parsing takes much longer than looking for a word.
                might_be = _RANDOM in path.read_text(encoding="utf-8")
                self._spaces[folder] = (version, load_space(path) if might_be else None)
        except (OSError, ConfigError, UnicodeDecodeError):
            return False
        space = self._spaces[folder][1]
        if space is None or space.budget.early_stopping is not None:
            return False
        return space.budget.sampler == _RANDOM

    def _read(self, folder: Path) -> SweepRecord | None:
        if read_json(folder / SWEEP) is None:
            return None
        try:
            return self._readers.setdefault(folder, SweepReader(folder)).read()
        except ValueError:
            return None  # a damaged neighbour is no reason to draw nothing


def _asked(space: SearchSpace | None) -> dict[str, Any]:
    return {} if space is None else {k: v for k, v in space.tree.items() if k not in ITS_OWN}


def _complete(record: SweepRecord) -> int:
    return sum(trial.values is not None for trial in record.trials)
