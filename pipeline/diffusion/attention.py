"""Which of torch's kernels attention is trained with."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

_SHORT: Final = 1024  # latents a picture whose tables of attention are small beside activations


def quick_attention(
    device: torch.device, latent_shape: tuple[int, int, int]
) -> AbstractContextManager[None]:
    """Within it short attention on the CPU is plain matrix products.

    There the gradient of torch's fused kernel takes, in bfloat16, two to eight times as long as
    that of plain products, which keep a table of attention in memory for it. Both passes belong
    inside: what is computed again in the backward pass must be what the forward pass computed.

    Args:
        device: on which a model is trained.
        latent_shape: of its latents, (C, H, W).
    """
    _, height, width = latent_shape
    if device.type == "cpu" and height * width <= _SHORT:
        plain: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
        return plain
    return nullcontext()
