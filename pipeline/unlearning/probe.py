"""Both losses on one fixed batch with the same noise: did a step really lower them?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Losses = tuple[float, float]
"""Forget loss and retain loss, averaged over the batch and all workers."""

Resize = Callable[[float], None]
"""Puts the parameters where a share of a step would have put them."""


class Probe:
    """Watches a step, and shortens one that raises a loss.

    Args:
        measure: both losses of the probe batch with the parameters as they are.
    """

    MOST_HALVINGS = 4

    def __init__(self, measure: Callable[[], Losses]) -> None:
        self._measure = measure
        self._last: Losses | None = None

    def before(self) -> Losses:
        """The losses before a step; those after the last one where there was one."""
        if self._last is None:
            self._last = self._measure()
        return self._last

    def shorten(self, resize: Resize) -> int:
        """Halve the step until neither loss is above what it was; at last take it back.

        Returns:
            How often the step was halved; one more than `MOST_HALVINGS` if it was taken back.
        """
        before = self.before()
        for halvings in range(self.MOST_HALVINGS + 1):
            if halvings:
                resize(0.5**halvings)
            after = self._measure()
            if not rises(before, after):
                self._last = after
                return halvings
        resize(0.0)
        return self.MOST_HALVINGS + 1


def share_left(halvings: int) -> float:
    """The share of a step that so many halvings leave; none of one that was taken back."""
    return 0.5**halvings if halvings <= Probe.MOST_HALVINGS else 0.0


def resizing(parameters: Sequence[nn.Parameter]) -> Resize:
    """What changes the length of the step that is taken next."""
    before = [p.detach().clone() for p in parameters]
    after: list[Tensor] = []

    @torch.no_grad()
    def resize(share: float) -> None:
        if not after:
            after.extend(p.detach().clone() for p in parameters)
        for parameter, old, new in zip(parameters, before, after, strict=True):
            parameter.copy_(torch.lerp(old, new, share))

    return resize


def rises(before: Losses, after: Losses) -> bool:
    """Whether a loss rose; one that is not a number has."""
    return not all(new <= old for old, new in zip(before, after, strict=True))
