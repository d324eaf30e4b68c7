"""One stream of random numbers for each place of each pool, so that places are independent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np

T = TypeVar("T")

NOISE_SEEDS: Final = 2**31
"""Seeds of pictures lie below this."""

_STREAMS: Final = (
    "split",
    "forget",
    "bare",
    "same_context",
    "neighbours",
    "other_axis",
    "generic",
    "generic_axes",
    "forget_test",
    "retain_test",
    "own_forget",
    "own_retain",
    "expand_forget",
    "expand_retain",
)
"""A name's rank is part of what a seed means: append, never reorder."""


def stream(seed: int, name: str, place: int = 0) -> np.random.Generator:
    """The random numbers of one place in the pool of that name."""
    return np.random.default_rng([seed, _STREAMS.index(name), place])


def noise_seed(rng: np.random.Generator) -> int:
    """A picture's own seed."""
    return int(rng.integers(NOISE_SEEDS))


def shuffled(values: Sequence[T], rng: np.random.Generator) -> tuple[T, ...]:
    """The values in a random order."""
    return tuple(values[place] for place in rng.permutation(len(values)))
