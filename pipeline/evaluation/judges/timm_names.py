"""A vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929) from weights by timm's names.

Legend: D width, P side of a patch in pixels, T tokens, one of which stands for the whole picture.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor
from transformers import ViTConfig, ViTForImageClassification

_HEAD: Final = 64  # width of an attention head in timm's transformers up to `large`
_WIDEST: Final = 1024
_EPSILON: Final = 1e-6  # of timm's layer norms

_NAMES: Final = {
    "cls_token": "vit.embeddings.cls_token",
    "pos_embed": "vit.embeddings.position_embeddings",
    "patch_embed.proj": "vit.embeddings.patch_embeddings.projection",
    "norm": "vit.layernorm",
    "head": "classifier",
    "norm1": "layernorm_before",
    "attn.proj": "attention.o_proj",
    "norm2": "layernorm_after",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
"""timm's names -> transformers', without `.weight` and `.bias`, of a block without its number."""

_BLOCK: Final = re.compile(r"blocks\.(\d+)\.(.+)")


def vision_transformer(weights: Mapping[str, Tensor]) -> ViTForImageClassification:
    """The model that some weights are of; its sizes are read from their shapes.

    Raises:
        ValueError: they are not of such a model.
    """
    try:
        kernel, positions = weights["patch_embed.proj.weight"], weights["pos_embed"]
        width, _, patch, _ = kernel.shape
        across = math.isqrt(positions.shape[1] - 1)
        config = ViTConfig(
            hidden_size=width,
            num_hidden_layers=sum(name.endswith("attn.proj.weight") for name in weights),
            num_attention_heads=_heads(width),
            intermediate_size=len(weights["blocks.0.mlp.fc1.weight"]),
            image_size=across * patch,
            patch_size=patch,
            num_labels=len(weights["head.weight"]),
            layer_norm_eps=_EPSILON,
            qkv_bias="blocks.0.attn.qkv.bias" in weights,
        )
    except KeyError as error:
        raise ValueError(f"no parameter of the name {error}") from error
    renamed: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        renamed |= _renamed(name, tensor.float())
    with torch.device("meta"):
        model = ViTForImageClassification(config)
    try:
        model.load_state_dict(renamed, assign=True)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return model


def _heads(width: int) -> int:
    if width % _HEAD or width > _WIDEST:
        raise ValueError(
            f"a width of {width}, where heads of {_HEAD} make a multiple of it up to {_WIDEST}"
        )
    return width // _HEAD


def _renamed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """The parameter under transformers' name; of queries, keys and values in one, each of them."""
    block = _BLOCK.fullmatch(name)
    start, inner = ("", name) if block is None else (f"vit.layers.{block[1]}.", block[2])
    stem, dot, last = inner.rpartition(".")
    if block is not None and stem == "attn.qkv":
        parts = zip("qkv", tensor.chunk(3), strict=True)
        return {f"{start}attention.{each}_proj.{last}": part.clone() for each, part in parts}
    if inner in _NAMES:
        return {_NAMES[inner]: tensor}
    return {f"{start}{_NAMES.get(stem, stem)}{dot}{last}": tensor}
