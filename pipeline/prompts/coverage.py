"""How much of what could be asked a set of prompts asks: coverage and distinct sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from pipeline.prompts.prompt import Prompt


def pair_coverage(prompts: Iterable[Prompt], axes: Mapping[str, Sequence[str]]) -> float | None:
    """The share of pairs of values, on two different axes, that some prompt states together.

    Args:
        prompts: whose labels are counted.
        axes: the values that could be stated, by axis.

    Returns:
        A share in [0, 1]; None where no prompt states anything, as with own prompts, or there are
        no pairs.
    """
    stated = [prompt.labels for prompt in prompts if prompt.labels]
    if not stated or len(axes) == 1:
        return None
    possible = contained = 0
    for first, second in combinations(axes, 2):
        found = {
            (labels[first], labels[second])
            for labels in stated
            if labels.get(first) in axes[first] and labels.get(second) in axes[second]
        }
        possible += len(axes[first]) * len(axes[second])
        contained += len(found)
    return contained / possible


def distinct_texts(prompts: Iterable[Prompt]) -> int:
    """The number of different sentences."""
    return len({prompt.text for prompt in prompts})
