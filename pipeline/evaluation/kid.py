"""How far one set of pictures is from another: the Kernel Inception Distance on a judge's features.

Legend: N pictures in each set, D width of the features.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.evaluation.measures import Floats

_LEAST: Final = 2  # pictures: the estimate is a mean over pairs of different ones


def kernel_distance(features: Floats, base_features: Floats) -> float:
    """Unbiased squared maximum mean discrepancy with KID's kernel k(x, y) = (x.y / D + 1)^3.

    KID is from Binkowski et al. 2018 (arXiv 1801.01401), here on the penultimate features of the
    classifier that judges instead of Inception's. Row i of both sets is made of the same prompt and
    noise, so that the two are not independent. Sets of one size allow the estimate of Gretton et
    al. 2012 (A Kernel Two-Sample Test, JMLR 13, equation 4), a mean over pairs i != j,

        1 / (N (N - 1)) sum of k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i),

    which leaves the partners (x_i, y_i) out and is unbiased, for prompts drawn at random, however
    alike they are. With them, as KID is mostly computed, the value of a model that changed nothing
    would be far below zero (at N = 108: -0.0015, more than a good erasure changes); without them it
    is exactly 0.

    How to read it: at a few hundred pictures only large values mean anything. Measured with the
    first classifier on Fashion Canvas (2026-11-24), two sets of the base's own pictures of the same
    prompts from different noise are 0.00002 apart at N = 108, with a standard deviation of 0.00007
    over pairs of 24 sets (at most 0.0002), and 0.00001 with 0.00002 at N = 432; a model promoted
    after erasing the sneaker was at 0.0001, one that no longer hears its prompts at 0.005 to 0.007.
    Partners share noise, so that a model's own value is steadier than that, but it compares only
    with values of the same judge, prompts and N, and not with KIDs of independent sets. A
    distribution does not know partners: boots drawn for sandals and sandals for boots are no
    distance apart. A value below zero is the noise of one of about zero.

    Args:
        features: (N, D) of one set.
        base_features: (N, D) of the other, row by row its partners.

    Raises:
        ValueError: the sets differ in shape, or hold fewer than two pictures.
    """
    pairs = kernel_pairs(features, base_features)
    count = len(features)
    return float((pairs.sum() - np.trace(pairs)) / (count * (count - 1)))


def kernel_pairs(features: Floats, base_features: Floats) -> Floats:
    """What each pair of pictures adds to the sum of `kernel_distance`: (N, N).

    The two cross terms, which have the same sum, are both taken as k(x_i, y_j).

    Args:
        features: (N, D) of one set.
        base_features: (N, D) of the other, row by row its partners.

    Raises:
        ValueError: the sets differ in shape, or hold fewer than two pictures.
    """
    if features.shape != base_features.shape or len(features) < _LEAST:
        raise ValueError(
            "expected the features (N, D) of at least two pictures and of as many of the base's, "
            f"got {features.shape} and {base_features.shape}; raise `prompts.test`"
        )
    if np.array_equal(features, base_features):
        # Which rounding would miss by a few 1e-16.
        return np.zeros((len(features), len(features)))
    within = _kernel(features, features) + _kernel(base_features, base_features)
    return within - 2 * _kernel(features, base_features)


def _kernel(left: Floats, right: Floats) -> Floats:
    table: Floats = (left @ right.T / left.shape[1] + 1) ** 3
    return table
