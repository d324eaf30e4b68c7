"""Fashion-MNIST's photographs (Xiao et al. 2017, arXiv 1708.07747), read from its own idx files."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package `dataset-fashion-mnist` puts the files."""

# Fashion-MNIST's labels of our eight objects, in the order of `prompts.fashion.OBJECTS`. Coat and
# shirt are left out: at this size even people take them for a pullover or a t-shirt.
_LABELS = (0, 1, 2, 3, 5, 7, 8, 9)
_SIDE = 28

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Photographs:
    """Gray photographs of single objects on black, with their object labels.

    Attributes:
        pixels: uint8, (N, 28, 28).
        objects: int64, (N,), indices into `prompts.fashion.OBJECTS`.
    """

    pixels: Tensor
    objects: Tensor

    def __len__(self) -> int:
        return len(self.objects)


def read_photographs(folder: Path, split: Split) -> Photographs:
    """Read one split of Fashion-MNIST, without coats and shirts.

    Raises:
        ValueError: a file is missing or is not what its name says.
    """
    stem = {"train": "train", "test": "t10k"}[split]
    images = _read_idx(folder / f"{stem}-images-idx3-ubyte.gz", header=16)
    labels = _read_idx(folder / f"{stem}-labels-idx1-ubyte.gz", header=8)
    if len(images) != len(labels) * _SIDE * _SIDE:
        raise ValueError(
            f"{folder}: expected {_SIDE}x{_SIDE} pixels for each of {len(labels)} labels of the "
            f"{split} split, got {len(images)} bytes; fetch the files again"
        )
    position = np.full(256, -1)
    position[list(_LABELS)] = np.arange(len(_LABELS))
    objects = position[labels]
    kept = objects >= 0
    pixels = images.reshape(-1, _SIDE, _SIDE)[kept]
    return Photographs(torch.from_numpy(pixels.copy()), torch.from_numpy(objects[kept]))


def _read_idx(path: Path, header: int) -> np.ndarray:
    if not path.is_file():
        raise ValueError(
            f"{path} is missing: install Debian's package dataset-fashion-mnist, or name a folder "
            "that holds Fashion-MNIST's four .gz files with --photographs"
        )
    with gzip.open(path) as file:
        content = file.read()
    if content[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path}: expected an idx file of unsigned bytes; fetch the file again")
    return np.frombuffer(content, np.uint8, offset=header)
