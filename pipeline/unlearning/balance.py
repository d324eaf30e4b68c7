"""Balanced batches: equally many pictures of every prompt."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import torch
from torch import Tensor


def in_turn(of_prompt: Tensor, generator: torch.Generator) -> Iterator[int]:
    """Rows without end, such that any beginning holds every prompt equally often, to within one.

    With the names of classes as prompts a batch's gradient is the mean over a balanced set of
    classes (Ko et al. 2024, arXiv 2412.07808). No row comes twice before all rows of its
    prompt have come, so where prompts have equally many, a batch of all rows is the whole pool.

    Args:
        of_prompt: which prompt each row is of, (N,) int64.
        generator: of the order of prompts, and of each one's rows.
    """
    prompts = of_prompt.unique()
    shuffled = prompts[torch.randperm(len(prompts), generator=generator)]
    rows_of = []
    for prompt in shuffled:
        rows = (of_prompt == prompt).nonzero().flatten()
        rows_of.append(rows[torch.randperm(len(rows), generator=generator)])
    for turn in count():
        yield from (int(rows[turn % len(rows)]) for rows in rows_of)
