"""All targets of a comparison in one table: what a method reaches, and where it is weakest."""

from __future__ import annotations

import math
from typing import Final

from pipeline.tracking.comparison.results import MethodResult, Results, TargetResult

_KEPT: Final = {
    "ua": "UA",
    "ira": "IRA, share of the base's",
    "cra": "CRA, share of the base's",
    "alignment": "CLIP, share of the base's",
}
_ABSOLUTE: Final = frozenset({"ua", "alignment"})
"""What is no share of the base's, or is one already."""

_NOTHING: Final = "–"  # noqa: RUF001 - a dash, as tables have it

Found = dict[str, tuple[TargetResult, MethodResult]]
"""A method's results by target."""


def overview(results: Results) -> list[list[str]]:
    """Rows of cells, the first one the titles; none for a comparison of one target.

    A method a row: its hypervolume on each target, the mean of its searches, and behind an arrow
    that of the first one's chosen member alone, judged anew; then the least that its chosen members
    keep on any of them. Those with the largest hypervolume on average come first, those that have
    not been searched on every target last.
    """
    if len(results.targets) < 2:  # noqa: PLR2004 - a table of its own says it already
        return []
    by_method: dict[str, Found] = {}
    for target in results.targets:
        for method in target.methods:
            by_method.setdefault(method.method, {})[target.target] = (target, method)
    names = [target.target for target in results.targets]
    searched = any(
        each.hypervolume is not None for target in results.targets for each in target.methods
    )
    titles = [*(names if searched else []), *(f"least {title}" for title in _KEPT.values())]
    ordered = sorted(by_method.items(), key=lambda item: -_mean_volume(item[1], names))
    return [
        ["method", *titles],
        *(
            [
                method,
                *([_volume(found, name) for name in names] if searched else []),
                *(_least(found, metric) for metric in _KEPT),
            ]
            for method, found in ordered
        ),
    ]


def _mean_volume(found: Found, names: list[str]) -> float:
    volumes = [found[name][1].hypervolume for name in names if name in found]
    known = [volume for volume in volumes if volume is not None]
    return sum(known) / len(names) if len(known) == len(names) else -math.inf


def _volume(found: Found, name: str) -> str:
    method = found[name][1] if name in found else None
    if method is None or method.hypervolume is None:
        return _NOTHING
    anew = "" if method.hypervolume_anew is None else f" → {method.hypervolume_anew:.4f}"
    return f"{method.hypervolume:.4f}{anew}"


def _least(found: Found, metric: str) -> str:
    kept = [
        method.means[metric] / (1 if metric in _ABSOLUTE else target.base[metric] or 1)
        for target, method in found.values()
        if metric in method.means
    ]
    return f"{min(kept):.3f}" if kept else _NOTHING
