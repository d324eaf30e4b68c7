"""Which of the pictures one of several processes makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Share:
    """A process's place among those that make pictures together.

    It is decided by a picture's place in the whole list, not among those that are missing: who
    looks later finds fewer missing, and all the same no picture is made twice or by nobody.

    Attributes:
        rank: this process, from 0.
        count: of all processes.
    """

    rank: int = 0
    count: int = 1

    def of(self, places: Sequence[int], batch: int) -> list[int]:
        """Those of the places that lie in this process's batches: they are dealt out in turn."""
        return [place for place in places if place // batch % self.count == self.rank]


WHOLE: Final = Share()
"""All of it."""
