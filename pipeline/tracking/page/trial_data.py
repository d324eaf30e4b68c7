"""Trials as the page's JSON has them: numbers in columns, pictures of a bounded number of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.config.distributions import IntUniform, Uniform
from pipeline.search.records import SweepRecord
from pipeline.tracking.page.details import DetailReader, Details
from pipeline.tracking.table import Row

GALLERIES: Final = 60
"""Trials whose whole galleries are in a page: 2 MB of pictures of the largest size."""


@dataclass(frozen=True)
class Entry:
    """A trial on a page.

    Attributes:
        row: its numbers.
        folder: its files.
        group: its place in the page's `groups`, by which it is told apart.
        is_front: whether no other one of its group dominates it.
        is_chosen: whether it stands for its group.
    """

    row: Row
    folder: Path
    group: int
    is_front: bool
    is_chosen: bool = False


class Columns:
    """Names of metrics and parameters of many trials, each in a fixed place.

    Args:
        rows: all trials.
        first: metrics that come first: the objectives.
    """

    def __init__(self, rows: Iterable[Row], first: Iterable[str]) -> None:
        known = list(rows)
        self.metrics = list(dict.fromkeys([*first, *(m for row in known for m in row.metrics)]))
        self.params = list(dict.fromkeys(name for row in known for name in row.params))

    def described(self, by_logarithm: Mapping[str, bool]) -> list[dict[str, Any]]:
        """Parameters with a short label and whether they are drawn by their logarithm."""
        lasts = [name.rpartition(".")[2] for name in self.params]
        return [
            {
                "name": name,
                "label": last if lasts.count(last) == 1 else name,
                "log": by_logarithm.get(name, False),
            }
            for name, last in zip(self.params, lasts, strict=True)
        ]

    def metrics_of(self, metrics: Mapping[str, float]) -> list[float | None]:
        """Values in the columns' order."""
        return [metrics.get(name) for name in self.metrics]


def trials_data(entries: Sequence[Entry], columns: Columns, reader: DetailReader) -> dict[str, Any]:
    """`trials`, the `sets` of base pictures they share, `sensitive`, and what is `left_out`."""
    details = [
        reader.read(each.folder) if each.row.values is not None else Details(None, None, None)
        for each in entries
    ]
    whole = _with_galleries(entries)
    keys = list(dict.fromkeys(each.shared for each in details if each.shared is not None))
    trials = [
        _trial(entry, detail, columns, keys, is_whole=place in whole)
        for place, (entry, detail) in enumerate(zip(entries, details, strict=True))
    ]
    pictured = sum(each.pictures is not None for each in details)
    without = [place for place, each in enumerate(details) if each.pictures and place not in whole]
    return {
        "trials": trials,
        "sets": [reader.shared[key] for key in keys],
        "sensitive": any(each.pictures and each.pictures["sensitive"] for each in details),
        "left_out": _left_out(len(without), pictured),
    }


def scales(record: SweepRecord) -> dict[str, bool]:
    """Whether a searched number was drawn by its logarithm, by path."""
    return {
        path: drawn.log
        for path, drawn in record.space.distributions.items()
        if isinstance(drawn, Uniform | IntUniform)
    }


def _with_galleries(entries: Sequence[Entry]) -> set[int]:
    """Places of those that matter most among many: the chosen ones, and the front.

    A front that is larger is thinned evenly from end to end.
    """
    if len(entries) <= GALLERIES:
        return set(range(len(entries)))
    chosen = [place for place, each in enumerate(entries) if each.is_chosen]
    front = [place for place, each in enumerate(entries) if each.is_front and not each.is_chosen]
    front.sort(key=lambda place: entries[place].row.values or ())
    room = max(GALLERIES - len(chosen), 0)
    if len(front) > room:
        front = [front[round(at)] for at in np.linspace(0, len(front) - 1, room)]
    return {*chosen, *front}


def _left_out(without: int, pictured: int) -> str | None:
    if not without:
        return None
    return (
        f"To open fast, this page holds the galleries of {pictured - without} trials, the front's "
        f"first, and of the other {without} two small pictures each. Their galleries are "
        "gallery.png in the trial's folder, and among the artifacts of its run in MLflow."
    )


def _trial(
    entry: Entry, details: Details, columns: Columns, keys: list[str], *, is_whole: bool
) -> dict[str, Any]:
    row, pictures = entry.row, details.pictures
    data: dict[str, Any] = {
        "n": row.trial,
        "g": entry.group,
        "s": row.state,
        "f": entry.is_front,
        "m": columns.metrics_of(row.metrics),
        "p": [row.params.get(name) for name in columns.params],
    }
    if entry.is_chosen:
        data["c"] = True
    if row.reason:
        data["r"] = row.reason
    if pictures is not None and details.shared is not None:
        data["set"] = keys.index(details.shared)
        data["small"] = pictures["small"]
        if is_whole:
            data["after"] = pictures["after"]
    if details.telemetry is not None:
        data["t"] = {
            name: each if is_whole else {"mean": each["mean"]}
            for name, each in details.telemetry.items()
        }
    return data
