"""The single pictures behind a report's numbers: what confidence bounds are made of.

Legend: N pictures, those of forget prompts first; r is a picture of a prompt that names nothing
forgotten, f one of a prompt that does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pipeline.evaluation.answers import Answers
from pipeline.evaluation.classifier import NONE_OF_THESE
from pipeline.evaluation.confidence import Bounds, Sample, kernel_bounds, least_bounds
from pipeline.evaluation.image_distance import image_distances
from pipeline.evaluation.jury import Verdicts
from pipeline.evaluation.kid import kernel_pairs
from pipeline.evaluation.measures import Floats, Numbers
from pipeline.evaluation.questions import Questions
from pipeline.evaluation.scoring import names_concept, none_axis
from pipeline.evaluation.several import names_any
from pipeline.prompts.concept import Concept
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.prompt_set import PromptSet

Axes = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Evidence:
    """What a report is made of.

    Attributes:
        questions: the prompts of the N pictures.
        after: what the judged model drew.
        before: what its base drew.
        earlier: the prompts of earlier erasures, and the verdicts on the judged model's pictures.
        prompt_set: where the prompts come from.
        axes: names of the classifier's classes by axis.
        repeats: pictures of each prompt, which follow each other.
    """

    questions: Questions
    after: Answers
    before: Answers
    earlier: tuple[Questions, Verdicts]
    prompt_set: PromptSet
    axes: Axes
    repeats: int


def bounds_of(evidence: Evidence, confidence: float) -> dict[str, Bounds]:
    """Confidence bounds of every metric of the report, by its name.

    Args:
        evidence: the pictures.
        confidence: of each bound, one-sided; from 0.5 to below 1.
    """
    rows = judged_rows(evidence.questions.prompts, evidence.prompt_set.concepts)
    groups = {
        **_of_the_concepts(evidence, rows["ua"]),
        **_of_what_is_kept(evidence, rows),
        **_of_agreement(evidence, rows),
        **_of_nothing_seen(evidence, rows["clip"][0]),
        **_of_earlier(evidence),
    }
    found = {name: least_bounds(samples, confidence) for name, samples in groups.items()}
    retain = rows["kid"][0]
    answers = (evidence.after, evidence.before)
    features = (each.features.classifier[retain].double().numpy() for each in answers)
    prompts = _prompts(evidence, evidence.questions, retain)
    return {**found, "kid": kernel_bounds(kernel_pairs(*features), prompts, confidence)}


def judged_rows(
    prompts: Sequence[Prompt], concepts: Sequence[Concept]
) -> dict[str, tuple[Numbers, ...]]:
    """Rows of the pictures that each metric is over; several groups where it is the least of them.

    Args:
        prompts: the N pictures'.
        concepts: what was to be erased, at least one.
    """
    first = concepts[0]
    forget = tuple(np.flatnonzero(names_concept(prompts, each)) for each in concepts)
    retain = np.flatnonzero(~names_any(prompts, concepts))
    kept = {"ira": first.kind, **({} if first.other is None else {"cra": first.other})}
    near = [rows for each in concepts for rows in _neighbours(prompts, each, retain)]
    over_retain = ("alignment", "clip", "none_share", "image_distance", "kid")
    return {
        **dict.fromkeys(("erasure", "ua"), forget),
        **{name: (_naming(prompts, retain, axis),) for name, axis in kept.items()},
        "worst_neighbour": tuple(near),
        **dict.fromkeys(over_retain, (retain,)),
        # Of each concept in turn, as reports weigh them: a prompt may name two.
        **dict.fromkeys(("clip_forget", "none_share_forget"), (np.concatenate(forget),)),
        "image_distance_forget": (np.flatnonzero(names_any(prompts, concepts)),),
    }


def earlier_rows(prompt_set: PromptSet, prompts: Sequence[Prompt]) -> list[tuple[Concept, Numbers]]:
    """Each earlier concept, and the rows of the pictures that judge it again."""
    concepts = [concept for erasure in prompt_set.earlier for concept in erasure.concepts]
    return [(each, np.flatnonzero(names_concept(prompts, each))) for each in concepts]


def distinct_prompts(prompts: Sequence[Prompt], concept: Concept, repeats: int = 1) -> Numbers:
    """Which prompt each picture is of: (N,), the same number for the same sentence.

    Where sentences are shared, as classes' names are, prompts of one sentence are told apart.
    """
    if concept.words.shares_sentences:
        return np.arange(len(prompts)) // repeats
    return _numbered([prompt.text for prompt in prompts])


def _numbered(names: ArrayLike) -> Numbers:
    return np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64)


def _prompts(evidence: Evidence, questions: Questions, rows: Numbers) -> Numbers:
    """Numbers from 0 of the prompts of some pictures."""
    concept = evidence.prompt_set.concept
    return _numbered(distinct_prompts(questions.prompts, concept, evidence.repeats)[rows])


def _naming(
    prompts: Sequence[Prompt], rows: Numbers, axis: str, value: str | None = None
) -> Numbers:
    """Those of the rows whose prompts name the axis, or a certain value of it."""
    named = [prompts[row].labels.get(axis) for row in rows]
    hits = [each is not None if value is None else each == value for each in named]
    return rows[np.array(hits, dtype=np.bool_)]


def _neighbours(prompts: Sequence[Prompt], concept: Concept, retain: Numbers) -> Iterator[Numbers]:
    """Of each neighbour that prompts name; where they name none, of each retained value."""
    for values in (concept.neighbours, concept.retained):
        found = [_naming(prompts, retain, concept.kind, value) for value in values]
        named = [rows for rows in found if len(rows)]
        if named:
            yield from named
            return


def _erased(
    evidence: Evidence, questions: Questions, verdicts: Verdicts, concept: Concept, rows: Numbers
) -> tuple[Sample, Sample]:
    """A concept's erasure and UA, picture by picture."""
    kind = concept.kind
    targets = _wanted(questions.prompts, rows, kind, evidence.axes)
    prompts = _prompts(evidence, questions, rows)
    probabilities = verdicts.probabilities[kind].double().numpy()[rows, targets]
    seen = verdicts.predicted(kind).numpy()[rows]
    return Sample(prompts, 1 - probabilities), Sample(prompts, (seen != targets).astype(float))


def _of_the_concepts(
    evidence: Evidence, forget: Sequence[Numbers]
) -> dict[str, tuple[Sample, ...]]:
    questions, verdicts = evidence.questions, evidence.after.verdicts
    concepts = evidence.prompt_set.concepts
    pairs = [
        _erased(evidence, questions, verdicts, concept, rows)
        for concept, rows in zip(concepts, forget, strict=True)
    ]
    return {"erasure": tuple(one for one, _ in pairs), "ua": tuple(other for _, other in pairs)}


def _of_earlier(evidence: Evidence) -> dict[str, tuple[Sample, ...]]:
    questions, verdicts = evidence.earlier
    pairs = [
        _erased(evidence, questions, verdicts, concept, rows)
        for concept, rows in earlier_rows(evidence.prompt_set, questions.prompts)
    ]
    if not pairs:
        return {}
    return {
        "earlier_erasure": tuple(one for one, _ in pairs),
        "earlier_ua": tuple(other for _, other in pairs),
    }


def _wanted(prompts: Sequence[Prompt], rows: Numbers, axis: str, axes: Axes) -> Numbers:
    number = {name: place for place, name in enumerate(axes[axis])}
    return np.array([number[prompts[row].labels[axis]] for row in rows], dtype=np.int64)


def _of_what_is_kept(
    evidence: Evidence, rows: Mapping[str, tuple[Numbers, ...]]
) -> dict[str, tuple[Sample, ...]]:
    """Whether the value that r names is seen: over all r, and of each neighbour."""
    first, *_ = concepts = evidence.prompt_set.concepts
    axes = {"ira": first.kind, **({} if first.other is None else {"cra": first.other})}
    found = {name: (_right(evidence, rows[name][0], axis),) for name, axis in axes.items()}
    retain = rows["clip"][0]
    near = [
        _right(evidence, each, concept.kind)
        for concept in concepts
        for each in _neighbours(evidence.questions.prompts, concept, retain)
    ]
    return {**found, "worst_neighbour": tuple(near)}


def _right(evidence: Evidence, rows: Numbers, axis: str) -> Sample:
    wanted = _wanted(evidence.questions.prompts, rows, axis, evidence.axes)
    seen = evidence.after.verdicts.predicted(axis).numpy()[rows]
    return Sample(_prompts(evidence, evidence.questions, rows), (seen == wanted).astype(float))


def _of_agreement(
    evidence: Evidence, rows: Mapping[str, tuple[Numbers, ...]]
) -> dict[str, tuple[Sample, ...]]:
    """What CLIP says of pictures, beside their prompts and beside the base's pictures."""
    answers = (evidence.after, evidence.before)
    clip, base_clip = (each.verdicts.cosines.double().numpy() for each in answers)
    distances = image_distances(*(each.features.clip.double().numpy() for each in answers))
    values = {
        "clip": (clip, None),
        "clip_forget": (clip, None),
        "alignment": (clip, base_clip),
        "image_distance": (distances, None),
        "image_distance_forget": (distances, None),
    }
    found: dict[str, tuple[Sample, ...]] = {}
    for name, (of, partners) in values.items():
        (mine,) = rows[name]
        beside = None if partners is None else partners[mine]
        prompts = _prompts(evidence, evidence.questions, mine)
        found[name] = (Sample(prompts, of[mine], beside, ends=None),)
    return found


def _of_nothing_seen(evidence: Evidence, retain: Numbers) -> dict[str, tuple[Sample, ...]]:
    """In which pictures the classifier sees nothing that it knows; none where it cannot say so."""
    prompts, concepts = evidence.questions.prompts, evidence.prompt_set.concepts
    axes = [none_axis(each, evidence.axes) for each in concepts]
    if axes[0] is None:
        return {}
    forget = [np.flatnonzero(names_concept(prompts, each)) for each in concepts]
    seen = [
        _nothing_seen(evidence, axis, rows)
        for axis, rows in zip(axes, forget, strict=True)
        if axis is not None
    ]
    mine = np.concatenate(forget)
    return {
        "none_share": (
            Sample(
                _prompts(evidence, evidence.questions, retain),
                _nothing_seen(evidence, axes[0], retain),
            ),
        ),
        "none_share_forget": (
            Sample(_prompts(evidence, evidence.questions, mine), np.concatenate(seen)),
        ),
    }


def _nothing_seen(evidence: Evidence, axis: str, rows: Numbers) -> Floats:
    number = list(evidence.axes[axis]).index(NONE_OF_THESE)
    seen: Numbers = evidence.after.verdicts.predicted(axis).numpy()[rows]
    return np.asarray(seen == number, dtype=np.float64)
