"""Parameters in chunks: what is needed of a step for a moment is needed of one chunk at a time."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

PARTS = 64
"""A step makes up to seven temporary buffers of a chunk's size: a tenth of the parameters'."""


def chunks(parameters: Sequence[Tensor], parts: int = PARTS) -> list[slice]:
    """Neighbouring parameters, as many together as fit; a larger one is a chunk of its own.

    Args:
        parameters: in their order.
        parts: none but a single parameter is a larger part of all than one of so many.
    """
    sizes = [parameter.numel() for parameter in parameters]
    found: list[slice] = []
    start = held = 0
    for number, size in enumerate(sizes):
        if held and (held + size) * parts > sum(sizes):
            found.append(slice(start, number))
            start, held = number, 0
        held += size
    return [*found, slice(start, len(sizes))] if sizes else found
