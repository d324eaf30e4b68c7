"""The two networks that objectives compare, and how they measure a difference.

Legend: B samples, C H W latents, L tokens, D width of a token's state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Predict = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(noisy latents, timesteps, states) -> prediction (B, C, H, W)."""


@dataclass(frozen=True)
class Predictors:
    """The U-Net that learns to forget, and the frozen base it started from."""

    student: Predict
    base: Predict


def squared_distance(predicted: Tensor, target: Tensor) -> Tensor:
    """|predicted - target|^2, averaged over a sample's elements: (B,)."""
    return (predicted - target).pow(2).flatten(1).mean(1)
