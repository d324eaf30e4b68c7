"""From two models' answers to a report: one model's measures beside its base's.

Legend: N pictures, those of forget prompts first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.config import ConceptConfig
from pipeline.evaluation.answers import Answers
from pipeline.evaluation.image_distance import image_distances
from pipeline.evaluation.jury import Jury
from pipeline.evaluation.kid import kernel_distance
from pipeline.evaluation.measures import Floats, alignment
from pipeline.evaluation.paired import paired_differences
from pipeline.evaluation.questions import Questions
from pipeline.evaluation.report import (
    ErasureValues,
    ImageCounts,
    JudgedPicture,
    Regression,
    Report,
    Sampling,
)
from pipeline.evaluation.scoring import names_concept
from pipeline.evaluation.several import names_any, score_each, together
from pipeline.prompts.concept import Concept


def report_on(  # noqa: PLR0913  (a report has this many parts)
    after: Answers,
    before: Answers,
    questions: Questions,
    concepts: Sequence[Concept],
    jury: Jury,
    *,
    earlier: tuple[Regression, ...] = (),
    config: ConceptConfig,
    model: str,
    base: str,
    sampling: Sampling,
    seconds: dict[str, float],
) -> Report:
    """Measure a model's answers beside its base's to the same questions.

    Args:
        after: the judged model's.
        before: the base's.
        questions: what both were asked.
        concepts: what was to be erased.
        jury: who judged.
        earlier: what was erased before, judged again.
        config: the concepts as the experiment states them.
        model: fingerprint of the judged model.
        base: fingerprint of the base.
        sampling: how the pictures were sampled.
        seconds: wall-clock time by part.

    Raises:
        ValueError: there are no pictures of a kind, or the base's agree with nothing.
    """
    prompts = questions.prompts
    singly, base_singly = (
        score_each(each.verdicts, prompts, concepts, jury.axes) for each in (after, before)
    )
    counts = {each.name: int(names_concept(prompts, each).sum()) for each in concepts}
    scores, base_scores = (together(each, counts, jury.axes) for each in (singly, base_singly))
    base_clip = base_scores.metrics["clip"]
    forget = names_any(prompts, concepts)
    metrics, base_metrics = (
        {
            **found.metrics,
            "alignment": alignment(found.metrics["clip"], base_clip),
            **_from_base(each, before, forget),
            **least,
        }
        for found, each, least in (
            (scores, after, _least([each.now for each in earlier])),
            (base_scores, before, _least([each.base for each in earlier])),
        )
    )
    pictures = _pictures(questions, after, before, concepts, jury)
    first = concepts[0]
    # Where sentences are shared, prompts of the same sentence are told apart by their noise.
    repeats = sampling.repeats if first.words.shares_sentences else None
    return Report(
        model=model,
        base=base,
        concept=config,
        metrics=metrics,
        base_metrics=base_metrics,
        paired=paired_differences(pictures, first.kind, first.other, repeats),
        neighbours=scores.neighbours,
        by_value=scores.by_value,
        by_concept={name: found.metrics for name, found in singly.items()}
        if len(concepts) > 1
        else {},
        regression=earlier,
        images=ImageCounts(forget=int(forget.sum()), retain=int((~forget).sum())),
        judge=jury.identity,
        sampling=sampling,
        pictures=pictures,
        seconds=seconds,
    )


def _least(values: Sequence[ErasureValues]) -> dict[str, float]:
    """The keys of `EARLIER_FORMULAS`, where there is anything earlier."""
    if not values:
        return {}
    return {
        "earlier_erasure": min(each.erasure for each in values),
        "earlier_ua": min(each.ua for each in values),
    }


def _from_base(after: Answers, before: Answers, forget: NDArray[np.bool_]) -> dict[str, float]:
    """What only the base's pictures can tell: has the concept changed, and has nothing else?"""
    distances = _distances(after, before)
    features, base_features = (
        each.features.classifier[~forget].double().numpy() for each in (after, before)
    )
    return {
        "image_distance": float(distances[~forget].mean()),
        "image_distance_forget": float(distances[forget].mean()),
        "kid": kernel_distance(features, base_features),
    }


def _distances(after: Answers, before: Answers) -> Floats:
    clip, base_clip = (each.features.clip.double().numpy() for each in (after, before))
    return image_distances(clip, base_clip)


def _pictures(
    questions: Questions,
    after: Answers,
    before: Answers,
    concepts: Sequence[Concept],
    jury: Jury,
) -> tuple[JudgedPicture, ...]:
    seen, base_seen = (_seen(each, jury) for each in (after, before))
    cosines, base_cosines = (each.verdicts.cosines.tolist() for each in (after, before))
    distances = _distances(after, before)

    def target_probability(row: int) -> float | None:
        labels = questions.prompts[row].labels
        for concept in concepts:
            value = labels.get(concept.kind)
            if value in concept.forgotten:
                target = jury.axes[concept.kind].index(value)
                return float(after.verdicts.probabilities[concept.kind][row, target])
        return None

    return tuple(
        JudgedPicture(
            text=prompt.text,
            seed=seed,
            guidance=prompt.guidance,
            asked=dict(prompt.labels),
            seen=seen[row],
            base_seen=base_seen[row],
            target_probability=target_probability(row),
            clip=cosines[row],
            base_clip=base_cosines[row],
            image_distance=float(distances[row]),
        )
        for row, (prompt, seed) in enumerate(zip(questions.prompts, questions.seeds, strict=True))
    )


def _seen(answered: Answers, jury: Jury) -> list[dict[str, str]]:
    """The most probable value by axis, of each of the N pictures."""
    numbers = {axis: answered.verdicts.predicted(axis).tolist() for axis in jury.axes}
    return [
        {axis: names[numbers[axis][row]] for axis, names in jury.axes.items()}
        for row in range(len(answered.levels))
    ]
