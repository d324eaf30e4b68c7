"""The scale of losses in half precision, without which small gradients would be zero."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_START: Final = 2.0**16
_LEAST: Final = 1.0
_CALM_STEPS: Final = 2000


class LossScale:
    """A dynamic scale (Micikevicius et al. 2018, arXiv 1710.03740).

    Losses are multiplied by it before their backward pass, and gradients divided after it. It is
    halved when a gradient overflows, whose step is skipped, and doubled after 2000 steps without.
    torch's `GradScaler` does the same for the one gradient that an optimiser holds; here are two.

    Attributes:
        value: a power of two, so that scaling rounds nothing.
    """

    def __init__(self) -> None:
        self.value = _START
        self._calm = 0

    def accepts(self, *, finite: bool) -> bool:
        """Take note of whether gradients are finite.

        Returns:
            False if a smaller scale may help, and the step should be skipped.
        """
        if finite:
            self._calm += 1
            if self._calm == _CALM_STEPS:
                self.value, self._calm = 2 * self.value, 0
            return True
        if self.value <= _LEAST:
            return True
        self.value, self._calm = self.value / 2, 0
        return False

    def state(self) -> Tensor:
        """What a resumed training needs: (2,)."""
        return torch.tensor([self.value, self._calm], dtype=torch.float64)

    def restore(self, state: Tensor) -> None:
        """Go on from a state."""
        self.value, self._calm = float(state[0]), int(state[1])
