"""The measures of a model from which several concepts were erased, each judged for itself.

Legend: N pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.jury import Verdicts
from pipeline.evaluation.scoring import Scores, names_concept, score
from pipeline.prompts.concept import Concept
from pipeline.prompts.prompt import Prompt

_LEAST = ("erasure", "ua", "worst_neighbour")
_OVER_FORGET = ("clip_forget", "none_share_forget")


def names_any(prompts: Sequence[Prompt], concepts: Sequence[Concept]) -> NDArray[np.bool_]:
    """Which prompts name a forgotten value of any concept: (N,)."""
    found = np.zeros(len(prompts), dtype=np.bool_)
    for concept in concepts:
        found |= names_concept(prompts, concept)
    return found


def score_each(
    verdicts: Verdicts,
    prompts: Sequence[Prompt],
    concepts: Sequence[Concept],
    axes: Mapping[str, Sequence[str]],
) -> dict[str, Scores]:
    """Each concept's measures by its name: over its own forget prompts, and all retain prompts.

    Raises:
        ValueError: a concept has no forget prompts, or there are no retain prompts.
    """
    anything = names_any(prompts, concepts)
    found = {}
    for concept in concepts:
        rows = np.flatnonzero(names_concept(prompts, concept) | ~anything)
        mine = [prompts[row] for row in rows.tolist()]
        found[concept.name] = score(verdicts.rows(rows), mine, concept, axes)
    return found


def together(
    scores: Mapping[str, Scores], pictures: Mapping[str, int], axes: Mapping[str, Sequence[str]]
) -> Scores:
    """One set of measures of all concepts; of a single one its own.

    Erasure, UA and the worst neighbour are the *least* over concepts: a model that has kept one of
    them has not forgotten. What is measured over all forget prompts is their mean, and IRA and
    CRA are those of the first concept: all concepts share the same retain prompts, and those on
    the other axis have the two exchanged.

    Args:
        scores: of each concept, by name.
        pictures: how many pictures of forget prompts each has.
        axes: names of the classifier's classes by axis.
    """
    first, *others = scores.values()
    if not others:
        return first
    least = {name: min(each.metrics[name] for each in scores.values()) for name in _LEAST}
    total = sum(pictures.values())
    means = {
        name: sum(each.metrics[name] * pictures[concept] for concept, each in scores.items())
        / total
        for name in _OVER_FORGET
        if name in first.metrics
    }
    neighbours: dict[str, float] = {}
    by_value: dict[str, dict[str, float]] = {axis: {} for axis in first.by_value}
    for each in scores.values():
        neighbours |= each.neighbours
        for axis, values in each.by_value.items():
            by_value[axis] |= values
    ordered = {
        axis: {name: values[name] for name in axes[axis] if name in values}
        for axis, values in by_value.items()
    }
    return Scores({**first.metrics, **least, **means}, neighbours, ordered)
