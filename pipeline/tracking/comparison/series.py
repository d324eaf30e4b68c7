"""The fronts of a target's methods as series of points, and how each one looks.

Methods differ by shape as well as by colour (Okabe and Ito's, which people with any of the usual
colour blindnesses tell apart); seven colours and nine shapes meet again after 63 methods. Of more
than two objectives the first two are the axes; of one, its values stand over trials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.config import Objective
from pipeline.search.pareto import Floats
from pipeline.tracking.comparison.results import Member, MethodResult, TargetResult

_COLOURS: Final = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666")
_SHAPES: Final = (
    ("D", "diamond"),
    ("o", "circle"),
    ("s", "square"),
    ("^", "triangle-up"),
    ("v", "triangle-down"),
    ("P", "cross"),
    ("X", "x"),
    ("*", "star"),
    ("<", "triangle-left"),
)


@dataclass(frozen=True)
class Series:
    """A front as it is drawn: points (N, 2) from left to right, and how they look."""

    method: MethodResult
    members: tuple[Member, ...]
    points: Floats
    colour: str
    marker: str
    symbol: str

    @property
    def label(self) -> str:
        """The method and its hypervolume, the mean of its searches."""
        return f"{self.method.method} ({self.method.hypervolume:.4f})"


def series_of(target: TargetResult) -> list[Series]:
    """One for each method with a front; its looks depend on its name's place, not on its rank."""
    names = sorted([*(method.method for method in target.methods), *target.waiting])
    found = []
    for method in target.methods:
        if not method.front:
            continue
        place = names.index(method.method)
        members = tuple(sorted(method.front, key=lambda each: _point(target, each)))
        points = np.array([_point(target, each) for each in members])
        marker, symbol = _SHAPES[place % len(_SHAPES)]
        colour = _COLOURS[place % len(_COLOURS)]
        found.append(Series(method, members, points, colour, marker, symbol))
    return found


def _point(target: TargetResult, member: Member) -> tuple[float, float]:
    if len(target.objectives) == 1:
        return float(member.trial), member.values[0]
    return member.values[0], member.values[1]


def base_point(target: TargetResult) -> tuple[float, float] | None:
    """The base model on both axes, where it was measured."""
    names = list(target.objectives)[:2]
    if len(names) == 1 or any(name not in target.searched_base for name in names):
        return None
    return target.searched_base[names[0]], target.searched_base[names[1]]


def directions_of(target: TargetResult) -> tuple[Objective, Objective] | None:
    """Of the two axes; None where one of them counts trials."""
    ways = list(target.objectives.values())
    return None if len(ways) == 1 else (ways[0], ways[1])


def has_line(target: TargetResult) -> bool:
    """Whether a line bounds what a front dominates."""
    # The front of more than two objectives is no line.
    return len(target.objectives) == 2  # noqa: PLR2004


def line_shape(target: TargetResult) -> tuple[str, str]:
    """What bounds the dominated part, in matplotlib's words and in Plotly's."""
    rightwards = next(iter(target.objectives.values())) == "maximize"
    return ("steps-pre", "vh") if rightwards else ("steps-post", "hv")


def axis_titles(target: TargetResult) -> tuple[str, str]:
    """What stands at both axes."""
    named = [
        f"{name} ({'more' if way == 'maximize' else 'less'} is better)"
        for name, way in target.objectives.items()
    ]
    return ("trial", named[0]) if len(named) == 1 else (named[0], named[1])
