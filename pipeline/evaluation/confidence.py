"""How sure a judged number is: one-sided confidence bounds that are honest about few prompts.

Legend: N pictures of G prompts, R resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.evaluation.measures import Floats, Numbers

_RESAMPLES: Final = 10_000
_SEED: Final = 0  # the same pictures give the same bounds


@dataclass(frozen=True)
class Sample:
    """What a mean is taken of.

    Attributes:
        prompts: (N,) which prompt each picture is of, as numbers from 0 to G - 1.
        values: (N,) one a picture.
        partners: (N,) what the values' sum is a share of, such as the base's; None for a mean.
        ends: least and largest value that a prompt's mean can have; None where only the prompts
            that were seen can tell.
    """

    prompts: Numbers
    values: Floats
    partners: Floats | None = None
    ends: tuple[float, float] | None = (0.0, 1.0)


@dataclass(frozen=True)
class Bounds:
    """A number and where it lies.

    Attributes:
        value: as measured.
        low: lower confidence bound.
        high: upper confidence bound. Each holds with the confidence asked for; both together, as
            an interval, with twice that less one: 90 % where each has 95 %.
        prompts: G, of the smallest group.
    """

    value: float
    low: float
    high: float
    prompts: int


def confidence_bounds(sample: Sample, confidence: float) -> Bounds:
    """One-sided bounds of a mean over prompts and seeds, or of such a share of the base's.

    Prompts are drawn with all of their pictures: the pictures of one prompt are no independent
    witnesses, and a prompt's mean over its seeds varies with the prompt *and* with the seeds, so
    that drawing prompts covers both. To draw seeds inside prompts a second time would count their
    spread twice (Davison and Hinkley 1997, section 3.8).

    Each of R resamples gives every prompt a random weight, all of them together uniform on the
    simplex (Rubin 1981, The Bayesian bootstrap), and one more weight to a prompt that nobody has
    seen and that is as bad as a prompt can be: at the end of the range for shares, else like the
    worst of those that were seen. The bound is the quantile of the R weighted means. For shares
    this is the bound of Gaffke, which Learned-Miller and Thomas 2019 (arXiv 1905.06208) describe
    and conjecture to hold for every distribution at every G. Where every prompt's mean is 0 or 1
    it *is* the bound of Clopper and Pearson; where all G prompts agree, 1 - (1 - c)^(1 / G), about
    3 / G at 95 %. An ordinary bootstrap has no width there, and with one failure among G it is
    mostly too narrow: of 48 prompts, each right in 98 % on average and the bad ones bad together,
    it held 86 times in 100 (tests/evaluation/test_confidence.py).

    Args:
        sample: the pictures.
        confidence: of each bound; between 0.5 and 1.

    Raises:
        ValueError: there is no picture, or the confidence is out of range.
    """
    if not 0.5 <= confidence < 1:  # noqa: PLR2004 - below it, the bounds would change places
        raise ValueError(f"confidence: expected a share from 0.5 to below 1, got {confidence}")
    if len(sample.values) == 0:
        raise ValueError("expected at least one judged picture, got none; raise `prompts.test`")
    sums = np.bincount(sample.prompts, sample.values)
    partners = np.ones(len(sample.values)) if sample.partners is None else sample.partners
    sizes = np.bincount(sample.prompts, partners)
    seen = sums / sizes
    worst, best = (seen.min(), seen.max()) if sample.ends is None else sample.ends
    weights, unseen = _weights(len(sums))
    unseen = unseen * sizes.mean()
    total, size = weights @ sums, weights @ sizes + unseen
    value = float(sums.sum() / sizes.sum())
    low = float(np.quantile((total + unseen * worst) / size, 1 - confidence))
    high = float(np.quantile((total + unseen * best) / size, confidence))
    # At a confidence of a half the prompt that nobody has seen may move a bound past the value.
    return Bounds(value, min(low, value), max(high, value), len(sums))


def least_bounds(samples: Sequence[Sample], confidence: float) -> Bounds:
    """Bounds of the least of several means, such as the worst neighbour's accuracy.

    The least of the lower bounds is one itself, without a correction: it fails only where the
    bound of the truly least mean does (an intersection-union test, Berger 1982). The upper bounds
    are taken at a confidence that accounts for their number (Bonferroni).

    Args:
        samples: of each mean; at least one.
        confidence: of each bound; between 0.5 and 1.

    Raises:
        ValueError: a sample has no picture, or the confidence is out of range.
    """
    singly = [confidence_bounds(each, confidence) for each in samples]
    if len(singly) == 1:
        return singly[0]
    corrected = 1 - (1 - confidence) / len(samples)
    return Bounds(
        min(each.value for each in singly),
        min(each.low for each in singly),
        min(confidence_bounds(each, corrected).high for each in samples),
        min(each.prompts for each in singly),
    )


def kernel_bounds(pairs: Floats, prompts: Numbers, confidence: float) -> Bounds:
    """Bounds of `kid.kernel_distance`, a mean over pairs of different pictures.

    Prompts are weighted as in `confidence_bounds`, a pair by the product of both pictures'
    weights. There is no unseen prompt: how far apart one can be, no picture tells.

    Args:
        pairs: (N, N) as `kid.kernel_pairs` gives them.
        prompts: (N,) which prompt each picture is of.
        confidence: of each bound; between 0.5 and 1.
    """
    count = int(prompts.max()) + 1
    member = np.zeros((len(prompts), count))
    member[np.arange(len(prompts)), prompts] = 1
    off = pairs - np.diag(np.diag(pairs))
    by_prompt = member.T @ off @ member
    sizes = member.sum(0)
    numbers = np.outer(sizes, sizes) - np.diag(sizes)
    weights, _ = _weights(count)
    drawn = ((weights @ by_prompt) * weights).sum(1) / ((weights @ numbers) * weights).sum(1)
    value = float(off.sum() / numbers.sum())
    low, high = np.quantile(drawn, [1 - confidence, confidence])
    return Bounds(value, min(float(low), value), max(float(high), value), count)


def best_bound(prompts: int, confidence: float) -> float:
    """Lower bound of a share where all G prompts are right: (1 - confidence)^(1 / G)."""
    return float((1 - confidence) ** (1 / prompts))


def _weights(count: int) -> tuple[Floats, Floats]:
    """Weights of the prompts (R, G) and of the unseen one (R,); not scaled to a sum of one."""
    drawn = np.random.default_rng(_SEED).standard_exponential((_RESAMPLES, count + 1))
    return drawn[:, :count], drawn[:, count]
