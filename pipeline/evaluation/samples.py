"""A few judged pictures, kept beside the base's, so that methods can be seen side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.evaluation.levels import levels_of

if TYPE_CHECKING:
    from pipeline.evaluation.judge import Evaluation


@dataclass(frozen=True)
class Question:
    """What a picture was drawn for: a prompt and the seed of its noise."""

    text: str
    seed: int
    names_concept: bool


@dataclass(frozen=True)
class Samples:
    """K pictures.

    Attributes:
        questions: K, those that name the concept first.
        before: the base's pictures, uint8 (K, 3, H, W).
        after: the judged model's.
    """

    questions: tuple[Question, ...]
    before: Tensor
    after: Tensor


def save_samples(evaluation: Evaluation, count: int, path: Path) -> None:
    """Write up to `count` pictures of an evaluation, those that its gallery shows."""
    rows = evaluation.shown(count)
    pictures = evaluation.report.pictures
    forget = evaluation.report.images.forget
    questions = [[pictures[row].text, pictures[row].seed, row < forget] for row in rows]
    tensors = {
        "before": levels_of(evaluation.base_images[rows]).contiguous(),
        "after": levels_of(evaluation.images[rows]).contiguous(),
    }
    partial = path.with_name(f".{path.name}.partial")
    save_file(tensors, partial, {"questions": json.dumps(questions)})
    partial.replace(path)


def load_samples(path: Path) -> Samples:
    """Read what `save_samples` wrote.

    Raises:
        ValueError: there is no such file.
    """
    if not path.is_file():
        raise ValueError(f"{path}: expected pictures of a judged model, found no such file")
    with safe_open(path, "pt") as file:
        questions = json.loads(file.metadata()["questions"])
        return Samples(
            tuple(Question(*question) for question in questions),
            file.get_tensor("before"),
            file.get_tensor("after"),
        )
