"""Is what was erased earlier still erased? Judged on its own held-out prompts.

An erasure that follows another one trains on prompts that no longer name the earlier concept, so
nothing holds its erasure in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pipeline.config import ErasedConfig
from pipeline.evaluation.jury import Verdicts
from pipeline.evaluation.measures import soft_erasure, unlearning_accuracy
from pipeline.evaluation.questions import Questions
from pipeline.evaluation.report import ErasureValues, Regression
from pipeline.evaluation.scoring import names_concept
from pipeline.prompts.concept import Concept
from pipeline.prompts.prompt_set import EarlierErasure


def regressions(
    after: Verdicts,
    before: Verdicts,
    questions: Questions,
    earlier: Sequence[tuple[EarlierErasure, ErasedConfig]],
    axes: Mapping[str, Sequence[str]],
    classifier: str,
) -> tuple[Regression, ...]:
    """Every earlier concept now, just before the last erasure, and when it was promoted.

    Args:
        after: on the judged model's pictures of the questions.
        before: on its base's.
        questions: the earlier concepts' own held-out prompts.
        earlier: what was erased, and its record.
        axes: names of the classifier's classes by axis.
        classifier: its fingerprint; only what the same one saw is compared.
    """
    found = []
    for concept, record in _concepts(earlier):
        then = _when_promoted(record, concept.name, classifier)
        now = _values(after, questions, concept, axes)
        found.append(
            Regression(
                concept=concept.name,
                pictures=int(names_concept(questions.prompts, concept).sum()),
                now=now,
                base=_values(before, questions, concept, axes),
                promoted=then,
                difference=None
                if then is None
                else ErasureValues(erasure=now.erasure - then.erasure, ua=now.ua - then.ua),
            )
        )
    return tuple(found)


def _concepts(
    earlier: Sequence[tuple[EarlierErasure, ErasedConfig]],
) -> Iterator[tuple[Concept, ErasedConfig]]:
    for erasure, record in earlier:
        for concept in erasure.concepts:
            yield concept, record


def _values(
    verdicts: Verdicts, questions: Questions, concept: Concept, axes: Mapping[str, Sequence[str]]
) -> ErasureValues:
    rows = names_concept(questions.prompts, concept)
    own = axes[concept.kind]
    targets = [
        own.index(prompt.labels[concept.kind])
        for prompt, named in zip(questions.prompts, rows, strict=True)
        if named
    ]
    numbers = np.array(targets)
    return ErasureValues(
        erasure=soft_erasure(verdicts.probabilities[concept.kind].numpy()[rows], numbers),
        ua=unlearning_accuracy(verdicts.predicted(concept.kind).numpy()[rows], numbers),
    )


def _when_promoted(record: ErasedConfig, name: str, classifier: str) -> ErasureValues | None:
    for verdict in record.judged:
        if verdict.classifier == classifier and name in verdict.erasure and name in verdict.ua:
            return ErasureValues(erasure=verdict.erasure[name], ua=verdict.ua[name])
    return None
