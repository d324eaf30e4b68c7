"""The pictures, captions and labels that everything in Fashion Canvas is trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTokenizer

from pipeline.canvas.captions import draw_caption
from pipeline.canvas.compose import SIDE, compose, draw_labels, flip_some
from pipeline.canvas.photographs import Photographs
from pipeline.canvas.tokenizer import train_tokenizer

CAPTIONS_EACH = 4
_CHUNK = 1000


@dataclass(frozen=True)
class Dataset:
    """Composed pictures with several captions each.

    Attributes:
        pictures: uint8, (N, 3, 32, 32).
        labels: int64, (N, 4): object, style, colour, background.
        token_ids: int16, (N, captions, tokens).
        stated: int8, (N, captions, 4): `labels` with -1 for what a caption leaves open.
    """

    pictures: Tensor
    labels: Tensor
    token_ids: Tensor
    stated: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def is_held_out(labels: Tensor) -> Tensor:
    """Which combinations of labels (N, 4) the base model never sees: one in ten, (N,) bool.

    The rule is a Latin hyper-square, so that every *pair* of values still occurs in training.
    """
    return labels.sum(dim=1) % 10 == 7  # noqa: PLR2004


def compose_dataset(
    photographs: Photographs,
    count: int,
    seed: int,
    folder: Path,
    *,
    all_combinations: bool,
    progress: Callable[[int, int], None],
) -> None:
    """Compose `count` pictures and write them with their captions into `folder`.

    The tokenizer is learned from the captions unless `folder`'s parent already holds one.
    """
    rng = np.random.default_rng(seed)
    pictures = torch.empty(count, 3, SIDE, SIDE, dtype=torch.uint8)
    index, labels = draw_labels(photographs, count * 5 // 4, rng)
    kept = torch.ones(len(labels), dtype=torch.bool) if all_combinations else ~is_held_out(labels)
    index, labels = index[kept][:count], labels[kept][:count]
    for start in range(0, count, _CHUNK):
        part = slice(start, start + _CHUNK)
        pixels = flip_some(photographs.pixels[index[part]], labels[part, 0], rng)
        pictures[part] = ((compose(pixels, labels[part]) + 1) * 127.5).round().byte()
        progress(min(start + _CHUNK, count), count)
    drawn = [[draw_caption(row, rng) for _ in range(CAPTIONS_EACH)] for row in labels.tolist()]
    tokenizer_folder = folder.parent / "tokenizer"
    if tokenizer_folder.is_dir():
        tokenizer = CLIPTokenizer.from_pretrained(tokenizer_folder)
    else:
        tokenizer = train_tokenizer(caption for row in drawn for caption, _ in row)
        tokenizer.save_pretrained(tokenizer_folder)
    captions = sorted({caption for row in drawn for caption, _ in row})
    place = {caption: number for number, caption in enumerate(captions)}
    ids = tokenize(tokenizer, captions).short()
    rows = torch.tensor([[place[caption] for caption, _ in row] for row in drawn])
    stated = torch.tensor([[row_labels for _, row_labels in row] for row in drawn])
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            "pictures": pictures,
            "labels": labels.contiguous(),
            "token_ids": ids[rows].contiguous(),
            "stated": stated.to(torch.int8),
        },
        folder / "data.safetensors",
    )


def load_dataset(folder: Path) -> Dataset:
    """Read what `compose_dataset` wrote."""
    return Dataset(**load_file(folder / "data.safetensors"))


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Token ids of captions, padded to the tokenizer's length: int64, (N, tokens)."""
    encoded = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
    ids: Tensor = encoded.input_ids
    return ids


def as_floats(pictures: Tensor) -> Tensor:
    """uint8 pictures as float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1
