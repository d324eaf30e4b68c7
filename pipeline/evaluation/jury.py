"""Both judges together: what they see in pictures.

Legend: N pictures, K classes of one axis, D and F widths of CLIP's and the classifier's features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.evaluation.alignment import ClipJudge
from pipeline.evaluation.classifier import AxisClassifier
from pipeline.evaluation.report import JudgeIdentity, Judges

_BATCH = 64

Rows = slice | NDArray[np.int64]
"""Which of N pictures."""


@dataclass(frozen=True)
class Verdicts:
    """What the judges saw in N pictures.

    Attributes:
        probabilities: (N, K) by axis, each row summing to one.
        cosines: (N,) between picture and prompt.
    """

    probabilities: dict[str, Tensor]
    cosines: Tensor

    def predicted(self, axis: str) -> Tensor:
        """Number of the most probable class of each picture: (N,)."""
        return self.probabilities[axis].argmax(1)

    def rows(self, rows: Rows) -> Verdicts:
        """Those on some of the pictures."""
        probabilities = {axis: table[rows] for axis, table in self.probabilities.items()}
        return Verdicts(probabilities, self.cosines[rows])


@dataclass(frozen=True)
class Features:
    """How the judges saw N pictures before they named anything: pictures can be compared by them.

    Attributes:
        clip: CLIP's picture features, (N, D), rows of length one.
        classifier: what the classifier's heads see, (N, F).
    """

    clip: Tensor
    classifier: Tensor

    def rows(self, rows: Rows) -> Features:
        """Those of some of the pictures."""
        return Features(self.clip[rows], self.classifier[rows])


class Jury:
    """A classifier and a CLIP, loaded once for several sets of pictures.

    Args:
        classifier: folder of an `AxisClassifier`.
        clip: folder of a CLIP in transformers' layout.
        device: where to; the CPU if None.

    Raises:
        ValueError: a folder holds no such judge.
    """

    def __init__(self, classifier: Path, clip: Path, device: torch.device | None = None) -> None:
        self._device = device or torch.device("cpu")
        self._classifier = AxisClassifier.load(classifier).to(self._device)
        self._clip = ClipJudge.load(clip, self._device)
        self.identity = Judges(classifier=_identity(classifier), clip=_identity(clip))

    @property
    def axes(self) -> dict[str, list[str]]:
        """Names of the classes of each axis that the classifier tells apart."""
        return self._classifier.axes

    @torch.no_grad()
    def judge(self, pictures: Tensor, texts: Sequence[str]) -> tuple[Verdicts, Features]:
        """Look once at pictures (N, 3, H, W) in [-1, 1] beside their prompts."""
        chunks = [
            self._classifier.features(chunk.to(self._device))
            for chunk in torch.split(pictures, _BATCH)
        ]
        logits = [self._classifier.logits(chunk) for chunk in chunks]
        probabilities = {
            axis: torch.cat([chunk[axis].double().softmax(1).cpu() for chunk in logits])
            for axis in self.axes
        }
        clip = self._clip.picture_features(pictures)
        verdicts = Verdicts(probabilities, self._clip.cosines(clip, texts).double())
        return verdicts, Features(clip, torch.cat(chunks).cpu())


def _identity(folder: Path) -> JudgeIdentity:
    digest = hashlib.sha256()
    files = [*folder.glob("*.json"), *folder.glob("*.txt"), *folder.glob("*.safetensors")]
    for path in sorted(files):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return JudgeIdentity(name=folder.resolve().name, fingerprint=digest.hexdigest())
