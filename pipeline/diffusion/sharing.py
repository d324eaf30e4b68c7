"""Copies of networks that hold no second copy of what stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import TypeVar

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def copy_around(network: Network, moving: Collection[str]) -> Network:
    """A copy whose modules are its own, and of whose parameters only those that move are.

    All others are the original's: a frozen teacher and its student, or a base and what was made of
    it, hold them once. Adapters can be put into the copy; the original does not see them.

    Args:
        network: the original, with parameters that nobody writes into.
        moving: names of parameters.
    """
    kept = {id(p): p for name, p in network.named_parameters() if name not in moving}
    return copy.deepcopy(network, kept)
