"""The optimiser of an update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

import torch
from torch import nn

from pipeline.config import UpdateConfig
from pipeline.unlearning.eight_bit import eight_bit_adamw


def make_optimizer(
    parameters: Mapping[str, nn.Parameter], update: UpdateConfig
) -> torch.optim.Optimizer:
    """An optimiser that keeps all its state parameter by parameter: `descend` steps in chunks.

    Raises:
        ValueError: it needs a library that is not here.
    """
    moving, rate, decay = parameters.values(), update.learning_rate, update.weight_decay
    betas = (update.momentum, 0.999)
    match update.optimizer:
        case "adamw" | "adamw_fused":
            fused = True if update.optimizer == "adamw_fused" else None
            return torch.optim.AdamW(moving, rate, betas, weight_decay=decay, fused=fused)
        case "adamw_8bit":
            return eight_bit_adamw(moving, betas, rate, decay)
        case "sgd":
            return torch.optim.SGD(moving, rate, update.momentum, weight_decay=decay)
        case _:
            assert_never(update.optimizer)
