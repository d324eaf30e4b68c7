"""Steps at which a training is looked at from outside, and may be stopped."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

AT_A_RUNG: Final = "rung.safetensors"
"""In a trial's folder: the weights that are looked at, for as long as they are."""


class StoppedEarlyError(Exception):
    """A training was stopped at a rung: it has no result.

    Attributes:
        step: after which.
    """

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped early after step {step}")
        self.step = step


@dataclass(frozen=True)
class Rungs:
    """Where a training is looked at, and who decides whether it goes on.

    Attributes:
        steps: after which; a training that goes on from a checkpoint of such a step asks again.
        ask: told the step and the file of the weights as they are then, as a trial saves them; says
            whether the training goes on. All workers ask, and what the leading one hears counts.
            It must leave the global random states as they are.
    """

    steps: Collection[int]
    ask: Callable[[int, Path], bool]


NO_RUNGS: Final = Rungs((), lambda _step, _weights: True)
"""A training that nobody looks at before its end."""
