"""Multi-objective rules on two gradients: torchjd's, told what its tolerances are too coarse for.

MGDA: Désidéri 2012; Sener & Koltun 2018, arXiv 1810.04650. CAGrad: Liu et al. 2021, arXiv
2110.14048. UPGrad: Quinton & Rey 2024, arXiv 2406.16232. IMTL-G: Liu et al. 2021, "Towards
Impartial Multi-task Learning", ICLR.
"""

from __future__ import annotations

from typing import Final, Literal, assert_never

import torch
from torch import Tensor

from pipeline.unlearning.nash_mtl import nash_weights

Rule = Literal["mgda", "cagrad", "upgrad", "nash_mtl", "imtl_g"]

_TOLERANCE: Final = 1e-12
"""In place of torchjd's 1e-4, which hides a gradient that is a hundred times the shorter one: its
UPGrad then conflicts with it, its CAGrad answers zero."""


def multi_objective_weights(
    gramian: Tensor, rule: Rule, cagrad_radius: float
) -> tuple[Tensor, Tensor]:
    """Weights of two gradients, from their inner products alone.

    A gradient that is zero (a capped forget loss) leaves nothing to negotiate: both weights are 1.

    Args:
        gramian: [[|f|^2, <f, r>], [<f, r>, |r|^2]], (2, 2), float64.
        rule: which one.
        cagrad_radius: CAGrad's c, how far from the mean gradient its update may lie, in its length.

    Returns:
        (weight of f, weight of r), scalars.

    Raises:
        ValueError: torchjd or a solver it needs for this rule is not installed.
    """
    squares = gramian.diagonal()
    if not bool((squares > 0).all()):
        one = torch.ones_like(squares[0])
        return one, one
    # One scale for both gradients changes no rule's direction; at 1e-10 tolerances would decide.
    scaled = gramian / squares.sqrt().prod()
    weights = _weights(scaled, rule, cagrad_radius)
    return weights[0], weights[1]


def _weights(gramian: Tensor, rule: Rule, cagrad_radius: float) -> Tensor:
    lengths = gramian.diagonal().sqrt()
    match rule:
        case "nash_mtl":
            return nash_weights(gramian)
        case "imtl_g":
            # An update has equal projections on both unit gradients if a |f| = b |r|; a + b = 1.
            return lengths.flip(0) / lengths.sum()
        case _:
            pass
    try:
        return _through_torchjd(gramian, lengths, rule, cagrad_radius).to(gramian)
    except ImportError as error:
        raise ValueError(
            f"update.rule: expected torchjd for {rule}, found none; install it with "
            "pip install 'unlearn-sweep[rivals]'"
        ) from error


def _through_torchjd(
    gramian: Tensor,
    lengths: Tensor,
    rule: Literal["mgda", "cagrad", "upgrad"],
    cagrad_radius: float,
) -> Tensor:
    from torchjd import aggregation
    from torchjd.linalg import QuadprogProjector

    match rule:
        case "mgda":
            weights = aggregation.MGDAWeighting()(gramian)
        case "cagrad":
            weights = aggregation.CAGradWeighting(cagrad_radius, _TOLERANCE)(gramian)
        case "upgrad":
            # A gradient's projection grows with its length: those of unit gradients are added.
            unit = gramian / lengths.outer(lengths)
            projector = QuadprogProjector(norm_eps=_TOLERANCE, reg_eps=_TOLERANCE)
            weights = aggregation.UPGradWeighting(lengths / 2, projector)(unit) / lengths
        case _:
            assert_never(rule)
    return torch.as_tensor(weights)
