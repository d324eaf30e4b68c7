"""All methods on the same prompts and noises, the base first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch

from pipeline.config.fairness import example
from pipeline.evaluation.gallery import contact_sheet
from pipeline.evaluation.samples import Question, Samples, load_samples
from pipeline.evaluation.sensitive import is_blurred
from pipeline.search.comparison_record import PairRecord
from pipeline.search.places import SAMPLES

_SIDE: Final = 96  # pixels that a small picture is enlarged to


def draw_target_gallery(pairs: Sequence[PairRecord], path: Path) -> bool:
    """Draw one row a method, a column a prompt: half of them name the concept, those first.

    Args:
        pairs: of one target, in the order of the rows; those without a judgement are left out.
        path: where the PNG goes.

    Returns:
        Whether there was anything to draw.
    """
    found = {pair.pair.method: samples for pair in pairs if (samples := _first(pair)) is not None}
    shared = _shared(list(found.values()))
    if not shared:
        return False
    first = next(iter(found.values()))
    rows = [first.before[_places(first, shared)]]
    rows += [samples.after[_places(samples, shared)] for samples in found.values()]
    levels = torch.cat(rows)
    titles = [
        f"{'forget' if question.names_concept else 'retain'}: {question.text}"
        for question in shared
    ]
    scale = max(1, _SIDE // levels.shape[-1])
    blurred = any(is_blurred(example(pair.space), titles) for pair in pairs)
    images = levels.float() / 127.5 - 1
    contact_sheet(images, ["base", *found], titles, path, scale, blurred=blurred)
    return True


def _first(pair: PairRecord) -> Samples | None:
    """The pictures of the first training seed that did not diverge."""
    paths = [final.folder / SAMPLES for final in pair.finals if final.report is not None]
    return next((load_samples(path) for path in paths if path.is_file()), None)


def _shared(samples: Sequence[Samples]) -> list[Question]:
    """What all were asked, in the order of the first."""
    if not samples:
        return []
    return [
        question
        for question in samples[0].questions
        if all(question in other.questions for other in samples)
    ]


def _places(samples: Samples, questions: Sequence[Question]) -> list[int]:
    return [samples.questions.index(question) for question in questions]
