"""Which of the U-Net's parameters an unlearning may change."""

from __future__ import annotations

from typing import Literal, assert_never

from torch import nn

Trained = Literal["all", "cross_attention", "without_cross_attention"]

_CROSS_ATTENTION = ".attn2."
"""How diffusers' U-Nets name the attention whose keys and values come from the prompt."""


def trainable(unet: nn.Module, train: Trained) -> dict[str, nn.Parameter]:
    """Mark the chosen parameters as trainable, all others as frozen.

    Returns:
        The trainable parameters by name: the one list that optimiser, gradients and checkpoints
        share.

    Raises:
        ValueError: the U-Net has none of them.
    """
    unet.requires_grad_(requires_grad=False)
    match train:
        case "all":
            chosen = dict(unet.named_parameters())
        case "cross_attention":
            chosen = {n: p for n, p in unet.named_parameters() if _CROSS_ATTENTION in n}
        case "without_cross_attention":
            chosen = {n: p for n, p in unet.named_parameters() if _CROSS_ATTENTION not in n}
        case _:
            assert_never(train)
    if not chosen:
        raise ValueError(f"model.train: expected a U-Net with {train} parameters, found none")
    for parameter in chosen.values():
        parameter.requires_grad_(True)
    return chosen
