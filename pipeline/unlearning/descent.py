"""The optimiser's step, taken chunk by chunk.

torch's optimisers pass over parameters without a gradient and keep all their state, the number of
steps included, parameter by parameter: steps of chunks, one after the other, are the step of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pipeline.unlearning.gradients import Direction, Gradient
from pipeline.unlearning.saliency import Mask

See = Callable[[slice, Gradient], None]
"""Told which parameters have moved, and by how much: new - old."""


@torch.no_grad()
def descend(
    parameters: Sequence[nn.Parameter],
    chunks: Sequence[slice],
    direction: Direction,
    optimizer: torch.optim.Optimizer,
    *,
    mask: Mask | None = None,
    see: See | None = None,
) -> None:
    """Take the optimiser's step along a direction.

    Args:
        parameters: changed in place.
        chunks: all of them, in parts.
        direction: what the optimiser takes for the gradient.
        optimizer: any of torch's whose state is that of single parameters.
        mask: of what may move; weight decay is undone elsewhere.
        see: is told of every chunk's step, in memory of its own.
    """
    for rows in chunks:
        some = parameters[rows]
        remembers = see is not None or mask is not None
        old = [p.detach().clone() for p in some] if remembers else []
        for parameter, gradient in zip(some, direction.chunk(rows), strict=True):
            parameter.grad = gradient
        optimizer.step()
        for parameter in some:
            parameter.grad = None
        if mask is not None:
            for parameter, was, moves in zip(some, old, mask[rows], strict=True):
                parameter.copy_(torch.where(moves > 0, parameter, was))
        if see is not None:
            see(rows, change(old, some))


def change(old: list[Tensor], new: Sequence[nn.Parameter]) -> Gradient:
    """What was added to the old ones, written over them."""
    torch._foreach_neg_(old)
    torch._foreach_add_(old, [p.detach() for p in new])
    return old
