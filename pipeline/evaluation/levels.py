"""Pictures as the 256 levels in which they are kept, shown and shown to judges."""

from __future__ import annotations

import torch
from torch import Tensor


def levels_of(images: Tensor) -> Tensor:
    """The levels, 0 to 255 as uint8, of pictures in [-1, 1]; the shape stays."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
