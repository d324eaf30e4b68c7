"""Which of the denoiser's parameters an unlearning may change."""

from __future__ import annotations

import re
from typing import assert_never

from diffusers.models.attention import AttentionModuleMixin
from diffusers.models.attention_processor import Attention
from torch import nn

from pipeline.config import ModelConfig
from pipeline.diffusion.families import Family
from pipeline.diffusion.lora import add_adapters


def trainable(
    denoiser: nn.Module, family: Family, settings: ModelConfig, seed: int = 0
) -> dict[str, nn.Parameter]:
    """Mark the chosen parameters of a denoiser as trainable, all others as frozen.

    Args:
        denoiser: gets adapters where the settings ask for them.
        family: says which parameters read the prompt.
        settings: which ones to choose.
        seed: of the adapters' first values.

    Returns:
        The trainable parameters by name: the one list that optimiser, gradients and checkpoints
        share.

    Raises:
        ValueError: the denoiser has none of them.
    """
    denoiser.requires_grad_(requires_grad=False)
    own = dict(denoiser.named_parameters())
    chosen = {name: own[name] for name in names_to_train(denoiser, family, settings)}
    if settings.lora is not None:
        return add_adapters(denoiser, chosen.keys(), settings.lora, seed)
    for parameter in chosen.values():
        parameter.requires_grad_(True)
    return chosen


def names_to_train(denoiser: nn.Module, family: Family, settings: ModelConfig) -> list[str]:
    """Names of the parameters that settings choose; adapters stand beside them.

    Raises:
        ValueError: the denoiser has none of them.
    """
    names = [name for name, _ in denoiser.named_parameters()]
    reads_prompt = re.compile(family.cross_attention)
    match settings.train:
        case "all":
            found = names
        case "attention":
            found = _of_attention(denoiser)
        case "cross_attention":
            found = [name for name in names if reads_prompt.search(name)]
        case "without_cross_attention":
            found = [name for name in names if not reads_prompt.search(name)]
        case "text_encoder":
            found = []  # another part: see `trained.py`
        case _:
            assert_never(settings.train)
    chosen = [name for name in found if re.search(settings.pattern or "", name)]
    if not chosen:
        pattern = "" if settings.pattern is None else f" whose names hold {settings.pattern}"
        raise ValueError(
            f"model.train: expected a denoiser with {settings.train} parameters{pattern}, found "
            f"none; its parameters are named like {', '.join(names[:3])}"
        )
    return chosen


def _of_attention(denoiser: nn.Module) -> list[str]:
    blocks = tuple(
        f"{name}."
        for name, module in denoiser.named_modules()
        if isinstance(module, Attention | AttentionModuleMixin)
    )
    return [name for name, _ in denoiser.named_parameters() if name.startswith(blocks)]
