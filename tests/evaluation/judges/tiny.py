"""Tiny judges with random weights, written as real ones are published."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from tests.diffusion.tiny.tokenizers import LENGTH, clip_config, clip_tokenizer

CPU: Final = torch.device("cpu")
_SIDE, _PATCH = 16, 4


def pictures(count: int, side: int = 24, seed: int = 0) -> Tensor:
    """Noise at the 256 levels of a PNG, (N, 3, side, side) in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    levels = torch.randint(0, 256, (count, 3, side, side), generator=generator)
    return levels.float() / 127.5 - 1


def clip(folder: Path, *, seed: int = 0, agreeable: bool = False) -> Path:
    """A CLIP whose tokenizer does not say how long a text may be, as some do not.

    Args:
        folder: gets it.
        seed: of its weights.
        agreeable: whether every picture suits every text, a little more or less.
    """
    tokenizer = clip_tokenizer()
    torch.manual_seed(seed)
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=_SIDE,
        patch_size=_PATCH,
        projection_dim=16,
    )
    model = CLIPModel(
        CLIPConfig(
            text_config=clip_config(tokenizer).to_dict(),
            vision_config=vision.to_dict(),
            projection_dim=16,
        )
    )
    assert model.config.text_config.max_position_embeddings == LENGTH
    if agreeable:
        # Both towers end at the same place, and what they have seen moves them about it.
        model.text_projection.weight.data = model.visual_projection.weight.data.clone()
        for last in (model.text_model.final_layer_norm, model.vision_model.post_layernorm):
            nn.init.constant_(last.bias, 2.0)
    model.save_pretrained(folder)
    tokenizer.model_max_length = int(1e30)
    tokenizer.save_pretrained(folder)
    return folder


def image_classifier(folder: Path, labels: tuple[str, ...]) -> Path:
    """A vision transformer in transformers' layout, with its image processor."""
    torch.manual_seed(1)
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=_SIDE,
        patch_size=_PATCH,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        initializer_range=0.5,
    )
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": _SIDE, "width": _SIDE}).save_pretrained(folder)
    return folder


class TimmTransformer(nn.Module):
    """A vision transformer made of torch's own encoder layers, which are timm's blocks.

    Args:
        classes: how many.
        width: of its tokens, 64 a head.
        depth: in blocks.
    """

    def __init__(self, classes: int, width: int = 128, depth: int = 2) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, _PATCH, _PATCH)
        tokens = (_SIDE // _PATCH) ** 2 + 1
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.pos_embed = nn.Parameter(torch.randn(1, tokens, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                width // 64,
                3 * width,
                dropout=0,
                activation=nn.functional.gelu,
                layer_norm_eps=1e-6,
                batch_first=True,
                norm_first=True,
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)
        for parameter in self.parameters():
            if parameter.ndim < 2:  # torch starts biases at zero, where a mistake would not show
                nn.init.normal_(parameter, 0.5, 0.2)

    def forward(self, prepared: Tensor) -> Tensor:
        """Logits of pictures of its own size, (N, classes)."""
        patches = self.proj(prepared).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], 1)
        tokens = tokens + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens)
        logits: Tensor = self.head(self.norm(tokens)[:, 0])
        return logits

    def save(self, folder: Path, names: str) -> Path:
        """Write the weights under timm's names, and the names of the classes."""
        folder.mkdir()
        weights = {}
        for name, tensor in self.state_dict().items():
            renamed = name.replace("self_attn.in_proj_", "attn.qkv.")
            renamed = renamed.replace("self_attn.out_proj", "attn.proj")
            renamed = renamed.replace("linear1", "mlp.fc1").replace("linear2", "mlp.fc2")
            if renamed.startswith("proj."):
                renamed = f"patch_embed.{renamed}"
            weights[renamed] = tensor
        save_file(weights, folder / "model.safetensors")
        (folder / "classes.txt").write_text(names)
        return folder
