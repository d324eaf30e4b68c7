"""What a chosen member covers when it is trained and judged anew.

A search's hypervolume is measured on the very pictures by which its trials were told apart, so that
luck on them counts for it. The chosen member's, with other training seeds, another judge and fresh
pictures, knows nothing of that luck.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.search.pareto import hypervolume, reference_point
from pipeline.tracking.comparison.results import MethodResult, TargetResult


@dataclass(frozen=True)
class CoveredAnew:
    """The hypervolume of one member, judged anew.

    Attributes:
        count: training seeds.
        mean: over them.
        least: of any seed.
        most: of any seed.
    """

    count: int
    mean: float
    least: float
    most: float


def covered_anew(target: TargetResult, method: MethodResult) -> CoveredAnew | None:
    """The hypervolume of a method's chosen member by itself, from the worst corner of shares.

    None before the first training has been judged, or where an objective was not measured in it.
    """
    directions = list(target.objectives.values())
    corner = reference_point(directions)
    judged = [final.metrics for final in method.finals if final.metrics is not None]
    if not judged or any(name not in each for each in judged for name in target.objectives):
        return None
    volumes = [
        hypervolume([[each[name] for name in target.objectives]], corner, directions)
        for each in judged
    ]
    return CoveredAnew(len(volumes), sum(volumes) / len(volumes), min(volumes), max(volumes))
