"""Cases of the restricted step: two gradients, a proposed step and a preconditioner.

Everything is in float64: what is tested is the formula. Rises are measured as cosines in the
metric, <g, s*> / (|g| |s|), so that one tolerance serves all scales.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.unlearning.restricted_step import StepProducts, restricted_step

KINDS = ("independent", "conflicting", "agreeing")
SEEDS = range(6)
SCALES = (1e-10, 1e-3, 1e4, 1e10)
ROUNDING = 1e-9


@dataclass(frozen=True)
class Case:
    """Two gradients, a proposed step, and the diagonal of D; (P,) each, float64."""

    forget: Tensor
    retain: Tensor
    step: Tensor
    diagonal: Tensor

    def multipliers(self, margin: float = 0.0) -> tuple[float, float]:
        """What is to be tested."""
        f, r, s, d = self.forget, self.retain, self.step, self.diagonal
        products = StepProducts(
            float(f @ (d * f)),
            float(r @ (d * r)),
            float(f @ (d * r)),
            float(f @ s),
            float(r @ s),
            float(s @ (s / d)),
        )
        return restricted_step(products, margin)

    def restricted(self, margin: float = 0.0) -> Tensor:
        """The restricted step s*, (P,)."""
        onto_forget, onto_retain = self.multipliers(margin)
        return self.step - self.diagonal * (onto_forget * self.forget + onto_retain * self.retain)

    def norm(self, gradient: Tensor) -> float:
        """A gradient's, in the metric D."""
        return float((gradient @ (self.diagonal * gradient)).sqrt())

    def length(self, step: Tensor) -> float:
        """A step's, in the metric 1 / D."""
        return float((step @ (step / self.diagonal)).sqrt())

    def rises(self, step: Tensor) -> list[float]:
        """Cosine of a step with each gradient that is not zero, in the proposed step's length."""
        size = self.length(self.step)
        return [
            float(g @ step) / (self.norm(g) * size) for g in (self.forget, self.retain) if g.any()
        ]

    def fall(self, margin: float) -> float:
        """What the margin asks of each loss, as a cosine."""
        norms = self.norm(self.forget) * self.norm(self.retain)
        return margin * (1 + float(self.forget @ (self.diagonal * self.retain)) / norms) / 2


def draw(seed: int, kind: str = "independent", size: int = 7) -> Case:
    generator = torch.Generator().manual_seed(seed)
    forget, other, step, spread = (
        torch.randn(size, generator=generator, dtype=torch.float64) for _ in range(4)
    )
    towards = {"independent": 0.0, "conflicting": -1.5, "agreeing": 1.5}[kind]
    return Case(forget, other + towards * forget, step, (2 * spread).exp())


def assert_same(left: Tensor, right: Tensor, case: Case) -> None:
    assert case.length(left - right) <= ROUNDING * case.length(case.step)


def vectors(*rows: list[float]) -> Case:
    return Case(*(torch.tensor(row, dtype=torch.float64) for row in rows))
