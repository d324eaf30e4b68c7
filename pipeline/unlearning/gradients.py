"""Two gradients over one list of parameters: their products, and the update they combine into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pipeline.unlearning.shards import local

Gradient = list[Tensor]
"""One tensor a trainable parameter, in the parameters' order and shapes; of sharded ones a part."""

Summed = Callable[[Tensor], Tensor]
"""A worker's sums -> those over all workers, where each holds a part of the parameters."""


def alone(sums: Tensor) -> Tensor:
    """The `Summed` of a worker that holds all of them."""
    return sums


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
    taken = [local(torch.zeros_like(p) if p.grad is None else p.grad) for p in parameters]
    for parameter in parameters:
        parameter.grad = None
    return taken


def inner_product(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """<left, right>, summed in float32 within a tensor and in float64 across tensors: scalar.

    Torch sums a tensor in pairs, which keeps a cosine right to about 1e-7; float64 within tensors
    would cost half as much again.
    """
    parts = [torch.sum(a.float() * b.float()).double() for a, b in zip(left, right, strict=True)]
    return torch.stack(parts).sum()


def products(forget: Gradient, retain: Gradient, summed: Summed = alone) -> Products:
    """Squared norms and inner product of two (already averaged) gradients."""
    pairs = ((forget, forget), (retain, retain), (forget, retain))
    return Products(*summed(torch.stack([inner_product(a, b) for a, b in pairs])))


@dataclass(frozen=True)
class Direction:
    """The update c (a f + b r), made a chunk at a time: it never lies in memory whole.

    Attributes:
        forget: f.
        retain: r.
        shares: a and b.
        shrink: c, a scalar; None for 1.
    """

    forget: Gradient
    retain: Gradient
    shares: tuple[float, float]
    shrink: Tensor | None = None

    def chunk(self, rows: slice) -> Gradient:
        """The update of some parameters, in new memory."""
        onto_forget, onto_retain = self.shares
        made = [tensor * onto_retain for tensor in self.retain[rows]]
        torch._foreach_add_(made, self.forget[rows], alpha=onto_forget)
        if self.shrink is not None:
            torch._foreach_mul_(made, self.shrink)
        return made

    def clipped(self, most: float, chunks: Sequence[slice], summed: Summed = alone) -> Direction:
        """The same direction with a norm of at most `most`, as `clip_grad_norm_` has it."""
        norms = [torch.linalg.vector_norm(t) for rows in chunks for t in self.chunk(rows)]
        norm = summed(torch.stack(norms).double().square().sum()).sqrt().float()
        return replace(self, shrink=(most / (norm + 1e-6)).clamp(max=1.0))
