"""Both judges together: what they see in pictures.

Legend: N pictures, K classes of one axis, D and F widths of CLIP's and the classifier's features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.config import EvaluationConfig
from pipeline.evaluation.alignment import ClipJudge
from pipeline.evaluation.judges.choose import judge_of
from pipeline.evaluation.judges.identity import identity_of
from pipeline.evaluation.judges.judge import Captions, Judge
from pipeline.evaluation.locate import ClassifierKind, Seat, classifier_in, judge_folder
from pipeline.evaluation.report import Judges

Rows = slice | NDArray[np.int64]
"""Which of N pictures."""


@dataclass(frozen=True)
class Verdicts:
    """What the judges saw in N pictures.

    Attributes:
        probabilities: (N, K) by axis, each row summing to one.
        cosines: (N,) between picture and prompt.
        seen: (N,) class numbers by axis, where a judge's own rule and not the largest probability
            says what a picture shows.
    """

    probabilities: dict[str, Tensor]
    cosines: Tensor
    seen: Mapping[str, Tensor] = field(default_factory=dict)

    def predicted(self, axis: str) -> Tensor:
        """Number of the class that each picture shows: (N,)."""
        return self.seen[axis] if axis in self.seen else self.probabilities[axis].argmax(1)

    def rows(self, rows: Rows) -> Verdicts:
        """Those on some of the pictures."""
        probabilities = {axis: table[rows] for axis, table in self.probabilities.items()}
        seen = {axis: numbers[rows] for axis, numbers in self.seen.items()}
        return Verdicts(probabilities, self.cosines[rows], seen)


@dataclass(frozen=True)
class Features:
    """How the judges saw N pictures before they named anything: pictures can be compared by them.

    Attributes:
        clip: CLIP's picture features, (N, D), rows of length one.
        classifier: the classifier's own, (N, F); of one that has none, CLIP's with rows of
            length sqrt(D).
    """

    clip: Tensor
    classifier: Tensor

    def rows(self, rows: Rows) -> Features:
        """Those of some of the pictures."""
        return Features(self.clip[rows], self.classifier[rows])


class Jury:
    """A classifier and a CLIP, loaded once for several sets of pictures.

    Args:
        classifier: what is shown.
        clip: folder of a CLIP in transformers' layout.
        device: where to; the CPU if None.

    Raises:
        ValueError: the folder holds no CLIP.
    """

    def __init__(self, classifier: Judge, clip: Path, device: torch.device | None = None) -> None:
        self._classifier = classifier
        self._clip = ClipJudge.load(clip, device)
        self.identity = Judges(classifier=classifier.identity, clip=identity_of(clip))

    @classmethod
    def seated(
        cls,
        settings: EvaluationConfig,
        captions: Captions,
        seat: Seat = "first",
        device: torch.device | None = None,
    ) -> Jury:
        """The jury that an experiment asks for.

        Args:
            settings: names the judges.
            captions: what zero-shot judges compare pictures with.
            seat: whether the classifier is the one that searches use, or the one that none uses.
            device: where to; the CPU if None.

        Raises:
            ValueError: there is no such judge.
        """
        device = device or torch.device("cpu")
        kind: ClassifierKind = "classifier" if seat == "first" else "second-classifier"
        classifier = judge_of(classifier_in(seat, settings), kind, captions, device)
        return cls(classifier, judge_folder("clip", settings.clip), device)

    @property
    def axes(self) -> dict[str, list[str]]:
        """Names of the classes of each axis that the classifier tells apart."""
        return self._classifier.axes

    @torch.no_grad()
    def judge(self, pictures: Tensor, texts: Sequence[str]) -> tuple[Verdicts, Features]:
        """Look once at pictures (N, 3, H, W) in [-1, 1] beside their prompts."""
        sight = self._classifier.look(pictures)
        clip = self._clip.picture_features(pictures)
        own = clip * math.sqrt(clip.shape[1]) if sight.features is None else sight.features
        cosines = self._clip.cosines(clip, texts).double()
        return Verdicts(sight.probabilities, cosines, sight.seen), Features(clip, own)
