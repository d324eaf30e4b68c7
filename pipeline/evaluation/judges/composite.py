"""Judges of one axis each, as one judge of all of them.

Legend: N pictures.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from pipeline.evaluation.judges.identity import identity_of_several
from pipeline.evaluation.judges.judge import Judge, Sight


class CompositeJudge:
    """Each axis is judged by its own judge; one that judges several looks once.

    Features are those of the first judge that has any. They are for comparing sets of pictures
    (`kid.py`), which wants one space in which the whole look of a picture counts and all components
    are of one order: of two judges' features side by side, the wider and larger ones would decide
    alone, and a detector's scores say nothing of a picture without what it detects.

    Args:
        judges: by axis, in the order of the axes; each knows its axis.
    """

    def __init__(self, judges: Mapping[str, Judge]) -> None:
        self._judges = judges
        self.axes = {axis: judge.axes[axis] for axis, judge in judges.items()}
        self.identity = identity_of_several(
            {axis: judge.identity for axis, judge in judges.items()}
        )

    def look(self, pictures: Tensor) -> Sight:
        """What pictures (N, 3, H, W) in [-1, 1] show."""
        sights: dict[int, Sight] = {}
        for judge in self._judges.values():
            if id(judge) not in sights:
                sights[id(judge)] = judge.look(pictures)
        of_axis = {axis: sights[id(judge)] for axis, judge in self._judges.items()}
        return Sight(
            {axis: sight.probabilities[axis] for axis, sight in of_axis.items()},
            {axis: sight.seen[axis] for axis, sight in of_axis.items() if axis in sight.seen},
            next((s.features for s in sights.values() if s.features is not None), None),
        )
