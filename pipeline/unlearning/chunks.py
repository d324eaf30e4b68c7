"""Parameters in chunks: what is needed of a step for a moment is needed of one chunk at a time."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

CHUNK_BYTES = 32 * 2**20
"""About the memory of one of a chunk's handful of temporary buffers."""


def chunks(parameters: Sequence[Tensor], most: int = CHUNK_BYTES) -> list[slice]:
    """Neighbouring parameters, as many together as fit; a larger one is a chunk of its own.

    Args:
        parameters: in their order.
        most: bytes a chunk.
    """
    found: list[slice] = []
    start = held = 0
    for number, parameter in enumerate(parameters):
        size = parameter.numel() * parameter.element_size()
        if held and held + size > most:
            found.append(slice(start, number))
            start, held = number, 0
        held += size
    return [*found, slice(start, len(parameters))] if parameters else found
