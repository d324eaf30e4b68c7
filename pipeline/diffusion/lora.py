"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685): W + (alpha / rank) B A, with W frozen.

Legend: O I sides of a linear layer's weight, R rank.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from pipeline.config import LoraSettings

_A, _B = ".lora_A.weight", ".lora_B.weight"
_ADAPTER = "default"


def add_adapters(
    denoiser: nn.Module, names: Collection[str], settings: LoraSettings, seed: int
) -> dict[str, nn.Parameter]:
    """Put an adapter beside every linear layer whose weight is among `names`, in place.

    Args:
        denoiser: all of its own parameters are frozen.
        names: of parameters; those of other layers are passed over.
        settings: rank and alpha.
        seed: of the factors A; the factors B begin at zero.

    Returns:
        The factors by name.

    Raises:
        ValueError: no linear layer is among the names.
    """
    layers = [
        name
        for name, module in denoiser.named_modules()
        if isinstance(module, nn.Linear) and f"{name}.weight" in names
    ]
    if not layers:
        raise ValueError(
            "model.lora: expected linear layers among the parameters that model.train chooses, "
            "found none; choose others"
        )
    denoiser.requires_grad_(requires_grad=False)
    alpha = settings.rank if settings.alpha is None else settings.alpha
    config = LoraConfig(r=settings.rank, lora_alpha=alpha, target_modules=layers)
    # peft draws from the global generator alone.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, denoiser, _ADAPTER)
    return {name: p for name, p in denoiser.named_parameters() if p.requires_grad}


def portable(
    factors: Mapping[str, Tensor], settings: LoraSettings, part: str = ""
) -> dict[str, Tensor]:
    """The factors as diffusers' `load_lora_weights` reads them, alpha multiplied into B.

    Args:
        factors: as `add_adapters` names them.
        settings: which it was given.
        part: of the pipeline that they belong to; empty where the names begin with it already.
    """
    alpha = settings.rank if settings.alpha is None else settings.alpha
    scale = alpha / settings.rank
    start = f"{part}." if part else ""
    named = {f"{start}{name.replace(f'.{_ADAPTER}.', '.')}": f for name, f in factors.items()}
    return {name: f * scale if name.endswith(_B) else f for name, f in named.items()}


def is_lora(tensors: Mapping[str, Tensor]) -> bool:
    """Whether a file's tensors are adapters' factors."""
    return any(name.endswith(_A) for name in tensors)


def merged(
    weights: Mapping[str, Tensor], tensors: Mapping[str, Tensor], part: str
) -> dict[str, Tensor]:
    """The weights that adapters change, with them added: W + B A.

    Args:
        weights: the part's own, by name; (O, I) where an adapter belongs.
        tensors: factors A (R, I) and B (O, R), named as in the part.
        part: of the pipeline that they should belong to, for messages.

    Raises:
        ValueError: a factor belongs to no weight, or does not fit it.
    """
    changed: dict[str, Tensor] = {}
    for name in sorted(tensors):
        if name.endswith(_B):
            continue
        layer = name.removesuffix(_A)
        own = weights.get(f"{layer}.weight")
        a, b = tensors[name], tensors.get(name.removesuffix(_A) + _B)
        if own is None or b is None or own.shape != (b.shape[0], a.shape[1]):
            shape = "no such layer" if own is None else tuple(own.shape)
            raise ValueError(f"{name}: expected an adapter of the {part}'s layers, found {shape}")
        product = b.float() @ a.float()
        changed[f"{layer}.weight"] = own + product.to(own.device, own.dtype)
    return changed
