"""What a denoiser is told beside latents and time: one row a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

STATES: Final = "states"
"""Hidden states of a prompt's tokens, (B, L, D), where a family has them."""

POOLED: Final = "pooled"
"""One vector of the whole prompt, (B, D'), where a family has it."""


PROMPT: Final = "prompt"
"""Which of a training set's texts a row is of, (B,) int64, where they are encoded anew."""


@dataclass(frozen=True)
class Conditions:
    """What the text encoders, or the list of classes, make of B prompts.

    Attributes:
        tensors: by name, B rows each; which names there are is the family's matter.
    """

    tensors: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, rows: slice | Tensor | list[int]) -> Conditions:
        """Those of some of the prompts."""
        return Conditions({name: tensor[rows] for name, tensor in self.tensors.items()})

    def of(self, prompts: Tensor) -> Conditions:
        """The same rows, which say what prompts they are of, (B,) int64."""
        return Conditions({**self.tensors, PROMPT: prompts})

    def to(self, device: torch.device | str) -> Conditions:
        """The same on a device."""
        return Conditions({name: tensor.to(device) for name, tensor in self.tensors.items()})

    def repeat(self, count: int) -> Conditions:
        """Those of one prompt, `count` times, without copies."""
        return Conditions(
            {name: tensor.expand(count, *tensor.shape[1:]) for name, tensor in self.tensors.items()}
        )


def concatenate(parts: Sequence[Conditions]) -> Conditions:
    """Those of all parts' prompts, in order."""
    names = parts[0].tensors
    return Conditions({name: torch.cat([part.tensors[name] for part in parts]) for name in names})
