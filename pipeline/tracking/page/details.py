"""What a page shows of a trial beyond its numbers: small pictures, and what its update met.

Read once a trial: nothing of it changes after its end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.search.files import read_json
from pipeline.search.places import TELEMETRY, THUMBNAILS
from pipeline.tracking.trial_run import read_telemetry

_POINTS: Final = 60  # of a curve; a training has a record each few steps
_CURVES: Final = ("cosine", "conflict")


@dataclass(frozen=True)
class Details:
    """What a trial's folder adds.

    Attributes:
        pictures: its thumbnails' file but for what it shares with other trials; None without one.
        shared: key of the base's pictures and prompts in `DetailReader.shared`.
        telemetry: by name (`cosine`; `conflict`: the share of steps whose gradients conflict) the
            `mean` over all steps that have it, and as `points` a curve of up to 60; None without.
    """

    pictures: Mapping[str, Any] | None
    shared: str | None
    telemetry: Mapping[str, Any] | None


class DetailReader:
    """Reads trials' folders, each once, and keeps what many of them share once.

    Attributes:
        shared: the base's pictures and the prompts by their hash.
    """

    def __init__(self) -> None:
        self.shared: dict[str, dict[str, Any]] = {}
        self._known: dict[Path, Details] = {}

    def read(self, folder: Path) -> Details:
        """What there is of a trial that has ended."""
        if folder not in self._known:
            self._known[folder] = self._read(folder)
        return self._known[folder]

    def _read(self, folder: Path) -> Details:
        telemetry = summary_of(read_telemetry(folder / TELEMETRY))
        found = read_json(folder / THUMBNAILS)
        if found is None or not _is_whole(found):
            return Details(None, None, telemetry)
        story = {name: found[name] for name in ("questions", "size", "before", "blurred")}
        key = hashlib.sha256(json.dumps(story).encode()).hexdigest()
        self.shared.setdefault(key, story)
        own = {name: found[name] for name in ("after", "small", "sensitive")}
        return Details(own, key, telemetry)


def summary_of(records: Mapping[int, Mapping[str, float]]) -> dict[str, Any] | None:
    """Means and thinned curves of what an update met; None where it was not measured."""
    curves = {}
    for name in _CURVES:
        # A step that was skipped, or whose rule looks at one loss alone, has none.
        points = [(step, values[name]) for step, values in records.items() if name in values]
        if not points:
            continue
        curves[name] = {
            "mean": sum(value for _, value in points) / len(points),
            "points": _thinned(points),
        }
    return curves or None


def _thinned(points: Sequence[tuple[int, float]]) -> list[list[float]]:
    """Up to 60 points, each the mean of its neighbours: single steps of a conflict are 0 or 1."""
    groups = np.array_split(np.array(points, dtype=np.float64), min(_POINTS, len(points)))
    return [[float(group[-1, 0]), float(group[:, 1].mean())] for group in groups]


def _is_whole(found: Mapping[str, Any]) -> bool:
    wanted = {"questions", "size", "before", "blurred", "after", "small", "sensitive"}
    return wanted <= found.keys()
