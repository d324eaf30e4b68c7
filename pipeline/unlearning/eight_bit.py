"""AdamW with states of a byte a parameter (Dettmers et al. 2022, arXiv 2110.02861)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn

_BLOCK: Final = 256
"""Elements that bitsandbytes' optimisers scale together."""


def eight_bit_adamw(
    parameters: Iterable[nn.Parameter], betas: tuple[float, float], lr: float, weight_decay: float
) -> torch.optim.Optimizer:
    """The AdamW of bitsandbytes; of tensors of fewer than 4096 elements it keeps states in float32.

    Raises:
        ValueError: bitsandbytes is not installed, or knows no device of this machine.
    """
    try:
        from bitsandbytes.optim import AdamW8bit
    except (ImportError, OSError, RuntimeError) as error:
        raise ValueError(
            "update.optimizer: expected bitsandbytes 0.50 for adamw_8bit, on a GPU that it knows "
            f"or on a CPU, got: {error}; pip install 'unlearn-sweep[eight-bit]', or choose "
            "adamw_fused, whose states take four times the memory"
        ) from error
    optimizer: torch.optim.Optimizer = AdamW8bit(
        parameters, lr=lr, betas=betas, weight_decay=weight_decay
    )
    return optimizer


def in_full(moment: Tensor, state: dict[str, Any]) -> Tensor:
    """A parameter's second moment in float32, of the parameter's shape.

    Args:
        moment: as its codes.
        state: of the parameter.
    """
    from bitsandbytes.functional import dequantize_blockwise

    full: Tensor = dequantize_blockwise(
        moment, absmax=state["absmax2"], code=state["qmap2"], blocksize=_BLOCK
    )
    return full
