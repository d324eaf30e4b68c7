"""Two gradients over one list of parameters: their products, and the update they combine into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Gradient = list[Tensor]
"""One tensor a trainable parameter, in the parameters' order and shapes."""


@dataclass(frozen=True)
class Products:
    """The three scalars that decide an update, float64.

    Attributes:
        forget_square: |f|^2.
        retain_square: |r|^2.
        inner: <f, r>.
    """

    forget_square: Tensor
    retain_square: Tensor
    inner: Tensor

    @property
    def cosine(self) -> float:
        """Cosine between both gradients; 0 where one of them is zero."""
        norms = (self.forget_square * self.retain_square).sqrt()
        return float(self.inner / norms) if norms > 0 else 0.0


def take_gradient(parameters: Sequence[nn.Parameter]) -> Gradient:
    """Take the gradients out of the parameters; a parameter without one counts as zero."""
    taken = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    for parameter in parameters:
        parameter.grad = None
    return taken


def inner_product(left: Gradient, right: Gradient) -> Tensor:
    """<left, right>, summed in float32 within a tensor and in float64 across tensors: scalar.

    Torch sums a tensor in pairs, which keeps a cosine right to about 1e-7; float64 within tensors
    would cost half as much again.
    """
    parts = [torch.sum(a.float() * b.float()).double() for a, b in zip(left, right, strict=True)]
    return torch.stack(parts).sum()


def products(forget: Gradient, retain: Gradient) -> Products:
    """Squared norms and inner product of two (already averaged) gradients."""
    return Products(
        inner_product(forget, forget),
        inner_product(retain, retain),
        inner_product(forget, retain),
    )


def combine(forget: Gradient, retain: Gradient, shares: tuple[Tensor, Tensor]) -> Gradient:
    """Add a f + b r in new memory, for where both gradients are needed afterwards."""
    return combine_into(forget, [tensor.clone() for tensor in retain], shares)


def combine_into(forget: Gradient, retain: Gradient, shares: tuple[Tensor, Tensor]) -> Gradient:
    """Add a f + b r, written over r: the only spare buffer of a step is f's."""
    onto_forget, onto_retain = (float(share) for share in shares)
    torch._foreach_mul_(retain, onto_retain)
    torch._foreach_add_(retain, forget, alpha=onto_forget)
    return retain
