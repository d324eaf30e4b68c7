"""What is measured of judged pictures, as pure functions on arrays.

Legend: N pictures, K classes of one axis. `probabilities` is (N, K) with rows that sum to one;
`predicted`, `wanted` and `targets` are (N,) class numbers. UA, IRA and CRA follow UnlearnCanvas
(Zhang et al. 2024, arXiv 2402.11846), as fractions of one. A mean over no picture at all is not a
number, so every function asks for at least one picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


def accuracy(predicted: Numbers, wanted: Numbers) -> float:
    """Share of pictures taken for what was wanted: mean of [predicted = wanted].

    IRA is this on the concept's own axis over retain prompts, CRA the same on the other axis.

    Raises:
        ValueError: the two differ in length, or there is no picture.
    """
    _check_pairs(predicted, wanted, "class numbers")
    return float(np.mean(predicted == wanted))


def unlearning_accuracy(predicted: Numbers, targets: Numbers) -> float:
    """UA: 1 - accuracy on pictures of forget prompts, each with its own target.

    Raises:
        ValueError: the two differ in length, or there is no picture.
    """
    return 1.0 - accuracy(predicted, targets)


def soft_erasure(probabilities: Floats, targets: Numbers) -> float:
    """UA's soft form: 1 - mean over pictures of p(target).

    Unlike UA it still tells two good trials apart when neither shows the target any more.

    Raises:
        ValueError: the two differ in length, or there is no picture.
    """
    _check_pairs(probabilities, targets, "targets")
    return 1.0 - float(np.mean(probabilities[np.arange(len(targets)), targets]))


def accuracy_by_value(
    predicted: Numbers, wanted: Numbers, names: Sequence[str]
) -> dict[str, float]:
    """Accuracy over the pictures that want a value, for each value that any picture wants.

    Args:
        predicted: (N,) class numbers.
        wanted: (N,) class numbers.
        names: the K classes in order.

    Raises:
        ValueError: predicted and wanted differ in length, or there is no picture.
    """
    _check_pairs(predicted, wanted, "class numbers")
    return {
        name: accuracy(predicted[wanted == number], wanted[wanted == number])
        for number, name in enumerate(names)
        if np.any(wanted == number)
    }


def share(predicted: Numbers, number: int) -> float:
    """Share of pictures taken for one class: mean of [predicted = number].

    Raises:
        ValueError: there is no picture.
    """
    return accuracy(predicted, np.full_like(predicted, number))


def worst_neighbour(
    neighbours: Mapping[str, float], by_value: Mapping[str, float], forgotten: Sequence[str]
) -> float:
    """The smallest accuracy among the neighbours.

    Where no picture wants a neighbour, the smallest among the retained values.

    Args:
        neighbours: accuracy of each neighbour.
        by_value: accuracy of the values of the concept's axis.
        forgotten: the forgotten values.

    Raises:
        ValueError: no retained value of the axis was judged.
    """
    retained = [accuracy for name, accuracy in by_value.items() if name not in forgotten]
    if not retained:
        raise ValueError(
            "expected pictures of at least one retained value of the concept's axis, got none; "
            "raise `prompts.test`, or label the prompts of `prompts.test_retain_file`"
        )
    return min(neighbours.values(), default=min(retained))


def alignment(clip: float, base_clip: float) -> float:
    """Mean CLIP cosine of retain prompts as a share of the base model's: clip / base_clip.

    Raises:
        ValueError: the base model's mean is not above 0, so that a share of it means nothing.
    """
    if not base_clip > 0:
        raise ValueError(
            "expected base pictures that agree with their prompts (mean CLIP cosine above 0), got "
            f"{base_clip:.4f}; check that `model.base` draws what it is asked for and that "
            "`evaluation.clip` knows such pictures"
        )
    return clip / base_clip


def _check_pairs(left: NDArray[np.generic], right: NDArray[np.generic], what: str) -> None:
    if len(left) != len(right):
        raise ValueError(f"expected as many {what} as pictures ({len(left)}), got {len(right)}")
    if len(left) == 0:
        raise ValueError(
            "expected at least one judged picture, got none; raise `prompts.test`, or label the "
            "prompts of `prompts.test_retain_file`"
        )
