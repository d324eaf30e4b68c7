"""From verdicts on single pictures to the measures of a model.

Legend: N pictures, K classes of one axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.classifier import NONE_OF_THESE
from pipeline.evaluation.jury import Verdicts
from pipeline.evaluation.measures import (
    Numbers,
    accuracy,
    accuracy_by_value,
    share,
    soft_erasure,
    unlearning_accuracy,
    worst_neighbour,
)
from pipeline.prompts.concept import Concept
from pipeline.prompts.prompt import Prompt

_UNSTATED: Final = -1


@dataclass(frozen=True)
class Scores:
    """A model's measures, `alignment` left out.

    Attributes:
        metrics: by the keys of `formulas.METRIC_FORMULAS`, without those of `MAY_LACK` that this
            vocabulary or classifier has no measure of.
        neighbours: accuracy of each retained neighbour, nearest first.
        by_value: accuracy by axis and value.
    """

    metrics: dict[str, float]
    neighbours: dict[str, float]
    by_value: dict[str, dict[str, float]]


def check_axes(
    axes: Mapping[str, Sequence[str]], concept: Concept, prompts: Sequence[Prompt]
) -> None:
    """Make sure, before anything is sampled, that the classifier can judge these prompts.

    Raises:
        ValueError: it lacks an axis or a value that the prompts name.
    """
    for axis in judged_axes(concept):
        if axis not in axes:
            raise ValueError(
                f"evaluation.classifier: expected a classifier of the axis {axis!r}, got one of "
                f"{sorted(axes)}; name another classifier"
            )
        stated = {prompt.labels[axis] for prompt in prompts if axis in prompt.labels}
        unknown = sorted(stated - set(axes[axis]))
        if unknown:
            raise ValueError(
                f"evaluation.classifier: expected a classifier that knows every {axis} of the test "
                f"prompts, got one without {', '.join(unknown)}; name another classifier, or "
                "another vocabulary"
            )


def judged_axes(concept: Concept) -> tuple[str, ...]:
    """The concept's own axis and, where there is one, the other that concepts can lie on."""
    return (concept.kind,) if concept.other is None else (concept.kind, concept.other)


def score(
    verdicts: Verdicts,
    prompts: Sequence[Prompt],
    concept: Concept,
    axes: Mapping[str, Sequence[str]],
) -> Scores:
    """Every measure that needs no second model; `formulas.METRIC_FORMULAS` has the formulas.

    Args:
        verdicts: on N pictures.
        prompts: the N prompts they were made of.
        concept: what was to be erased; prompts that name one of its values are forget prompts.
        axes: names of the classifier's classes by axis.

    Raises:
        ValueError: there are no forget prompts, or no retain prompts that name the axes.
    """
    own, other = concept.kind, concept.other
    wanted = {axis: _wanted(prompts, axis, axes[axis]) for axis in judged_axes(concept)}
    seen = {axis: verdicts.predicted(axis).numpy() for axis in wanted}
    forget = names_concept(prompts, concept)
    stated = {axis: ~forget & (numbers != _UNSTATED) for axis, numbers in wanted.items()}
    judged = {**stated, own: forget | stated[own]}
    by_value = {
        axis: accuracy_by_value(seen[axis][rows], wanted[axis][rows], axes[axis])
        for axis, rows in judged.items()
    }
    near = {name: by_value[own][name] for name in concept.neighbours if name in by_value[own]}
    probabilities, targets = verdicts.probabilities[own].numpy()[forget], wanted[own][forget]
    cosines = verdicts.cosines.numpy()

    def kept(axis: str) -> float:
        return accuracy(seen[axis][stated[axis]], wanted[axis][stated[axis]])

    metrics = {
        "erasure": soft_erasure(probabilities, targets),
        "ua": unlearning_accuracy(seen[own][forget], targets),
        "ira": kept(own),
        **({} if other is None else {"cra": kept(other)}),
        "worst_neighbour": worst_neighbour(near, by_value[own], concept.forgotten),
        "clip": float(cosines[~forget].mean()),
        "clip_forget": float(cosines[forget].mean()),
        **_none_shares(verdicts, forget, concept, axes),
    }
    return Scores(metrics, near, {axis: by_value[axis] for axis in concept.words.concept_axes})


def none_axis(concept: Concept, axes: Mapping[str, Sequence[str]]) -> str | None:
    """The axis on which the classifier can say that it sees nothing it knows; None if on none."""
    candidates = (*judged_axes(concept), *axes)
    return next((each for each in candidates if NONE_OF_THESE in axes[each]), None)


def names_concept(prompts: Sequence[Prompt], concept: Concept) -> NDArray[np.bool_]:
    """Which prompts name one of the forgotten values: (N,)."""
    return np.array([prompt.labels.get(concept.kind) in concept.forgotten for prompt in prompts])


def _wanted(prompts: Sequence[Prompt], axis: str, names: Sequence[str]) -> Numbers:
    number = {name: place for place, name in enumerate(names)}
    labels = (prompt.labels.get(axis) for prompt in prompts)
    return np.array([_UNSTATED if label is None else number[label] for label in labels])


def _none_shares(
    verdicts: Verdicts,
    forget: NDArray[np.bool_],
    concept: Concept,
    axes: Mapping[str, Sequence[str]],
) -> dict[str, float]:
    """How often the classifier sees nothing that it knows; nothing where it cannot say so."""
    axis = none_axis(concept, axes)
    if axis is None:
        return {}
    seen, none = verdicts.predicted(axis).numpy(), list(axes[axis]).index(NONE_OF_THESE)
    return {
        "none_share": share(seen[~forget], none),
        "none_share_forget": share(seen[forget], none),
    }
