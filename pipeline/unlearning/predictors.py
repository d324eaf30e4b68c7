"""The two networks that objectives compare, and how they measure a difference.

Legend: B samples, C H W latents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from pipeline.diffusion.conditions import Conditions

Predict = Callable[[Tensor, Tensor, Conditions], Tensor]
"""(noisy latents, times, conditions) -> prediction (B, C, H, W)."""


@dataclass(frozen=True)
class Predictors:
    """The denoiser that learns to forget, and the frozen base it started from."""

    student: Predict
    base: Predict


def squared_distance(predicted: Tensor, target: Tensor) -> Tensor:
    """|predicted - target|^2, averaged over a sample's elements: (B,)."""
    return (predicted - target).pow(2).flatten(1).mean(1)
