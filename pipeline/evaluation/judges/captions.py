"""What a zero-shot judge compares pictures with."""

from __future__ import annotations

from pipeline.evaluation.judges.judge import Captions
from pipeline.prompts.vocabulary import Vocabulary


def captions_of(vocabulary: Vocabulary) -> Captions:
    """A caption of each value of each axis."""
    return {
        axis: {value: vocabulary.caption(axis, value) for value in values}
        for axis, values in vocabulary.axes.items()
    }
