"""Inner products of a step that is seen chunk by chunk.

With f and r the gradients, s the optimiser's step and D its preconditioner, a step's table holds
the products of f and r (and, for the step's length, of s, D f and D r) in rows with s, D f and D r
in columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.unlearning.gradients import Gradient, Summed, alone, inner_product
from pipeline.unlearning.preconditioner import divided, metric, multiplied
from pipeline.unlearning.restricted_step import StepProducts


@dataclass(frozen=True)
class Move:
    """Where the parameters went, seen from both gradients.

    Attributes:
        forget_slope: <f, change>.
        retain_slope: <r, change>.
        square: |change|^2.
    """

    forget_slope: float
    retain_slope: float
    square: float

    def times(self, share: float) -> Move:
        """A part of the way."""
        return Move(self.forget_slope * share, self.retain_slope * share, self.square * share**2)


NOWHERE = Move(0.0, 0.0, 0.0)
"""The move of a step that nobody watched."""


class StepSums:
    """Sums up the table of a step.

    Args:
        parameters: that move.
        gradients: f and r.
        optimizer: whose metric D is; None where no step is restricted, for the first column alone.
        own_length: whether <s, s / D> is needed.
        lengths: whether the rows of s, D f and D r are.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        gradients: tuple[Gradient, Gradient],
        optimizer: torch.optim.Optimizer | None,
        *,
        own_length: bool = False,
        lengths: bool = True,
    ) -> None:
        self._parameters = parameters
        self._gradients = gradients
        self._optimizer = optimizer
        self._own_length = own_length
        self._lengths = lengths
        self._parts: list[Tensor] = []

    def see(self, rows: slice, step: Gradient) -> None:
        """Add a chunk's step, of which the optimiser's state still tells."""
        pair = forget, retain = self._gradients[0][rows], self._gradients[1][rows]
        columns = [step]
        own = torch.zeros((), dtype=torch.float64, device=step[0].device)
        if self._optimizer is not None:
            scales = metric(self._optimizer, self._parameters[rows], pair)
            if self._own_length:
                own = inner_product(step, multiplied(step, scales))
            columns += [divided(forget, scales), divided(retain, scales)]
        against = [forget, retain, *(columns if self._lengths else [])]
        self._parts.append(
            torch.stack([own, *(inner_product(a, b) for a in against for b in columns)])
        )

    def table(self, summed: Summed = alone) -> StepTable:
        """The sums over all chunks and workers."""
        own, *flat = summed(torch.stack(self._parts).sum(0)).tolist()
        width = 1 if self._optimizer is None else 3
        return StepTable(own, [flat[at : at + width] for at in range(0, len(flat), width)])


@dataclass(frozen=True)
class StepTable:
    """What `StepSums` found.

    Attributes:
        own_square: <s, s / D>; 0 where it was not needed.
        rows: of f, r and, where lengths are needed, s, D f and D r.
    """

    own_square: float
    rows: list[list[float]]

    def products(self) -> StepProducts:
        """What decides how the step is restricted."""
        forget, retain = self.rows[:2]
        return StepProducts(
            forget_square=forget[1],
            retain_square=retain[2],
            inner=forget[2],
            forget_slope=forget[0],
            retain_slope=retain[0],
            step_square=self.own_square,
        )

    def move(self, multipliers: tuple[float, float] | None = None) -> Move:
        """The step, or s - D (l_f f + l_r r), to which it was restricted."""
        along = (1.0,) if multipliers is None else (1.0, -multipliers[0], -multipliers[1])
        forget, retain, *gram = (
            sum(a * b for a, b in zip(row, along, strict=True)) for row in self.rows
        )
        square = sum(a * b for a, b in zip(gram, along, strict=True))
        return Move(forget, retain, max(0.0, square))
