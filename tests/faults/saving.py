"""A training state whose every number tells its step, and a process that saves it without end."""

from __future__ import annotations

from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import torch
from torch import nn

from pipeline.unlearning.checkpoints import (
    Story,
    restore_checkpoint,
    snapshot,
    write_checkpoint,
)
from pipeline.unlearning.progress import Progress

STORY = Story(base="b" * 64, data="d" * 64, config="c" * 64)


class Counting:
    """Parameters and optimiser states, all of them equal to the number of steps.

    Args:
        numbers: of a parameter; AdamW keeps two more for each.
    """

    def __init__(self, numbers: int = 2**18) -> None:
        self._parameter = nn.Parameter(torch.zeros(numbers))
        self._optimizer = torch.optim.AdamW([self._parameter])
        self._progress = Progress({"weight": self._parameter}, [self._parameter], self._optimizer)

    def save(self, folder: Path, step: int) -> None:
        """Write the checkpoint of a step."""
        write_checkpoint(folder, step, snapshot(self.at(step)), STORY)

    def at(self, step: int) -> Progress:
        """The state after so many steps."""
        with torch.no_grad():
            self._parameter.fill_(step)
        like = torch.full_like(self._parameter, step)
        self._optimizer.state[self._parameter] = {
            "step": torch.tensor(float(step)),
            "exp_avg": like,
            "exp_avg_sq": like.clone(),
        }
        return self._progress

    def restore(self, folder: Path) -> int:
        """The newest step that can be restored, all its numbers looked at; 0 without one."""
        step = restore_checkpoint(folder, self._progress, STORY)
        if step:
            held = self._optimizer.state[self._parameter]
            assert held.keys() == {"step", "exp_avg", "exp_avg_sq"}
            for tensor in (self._parameter, *held.values()):
                assert bool((tensor == step).all()), f"step {step} holds another one's numbers"
        return step


def save_without_end(folder: Path, saved: Synchronized[int]) -> None:
    """Go on from the newest checkpoint, and tell of each that is there."""
    counting = Counting()
    step = counting.restore(folder)
    while True:
        step += 1
        counting.save(folder, step)
        saved.value = step
