"""The package's own classifiers, of all axes at once."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from pipeline.evaluation.classifier import AxisClassifier
from pipeline.evaluation.judges.identity import identity_of
from pipeline.evaluation.judges.judge import BATCH, Sight
from pipeline.evaluation.report import JudgeIdentity


class AxisJudge:
    """An `AxisClassifier` that judges; its features are what its heads see.

    Args:
        classifier: in evaluation mode.
        identity: who it is.
        device: where it lies.
    """

    def __init__(
        self, classifier: AxisClassifier, identity: JudgeIdentity, device: torch.device
    ) -> None:
        self.classifier = classifier
        self.identity = identity
        self._device = device

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> AxisJudge:
        """Read one from its folder.

        Raises:
            ValueError: the folder holds no such classifier.
        """
        classifier = AxisClassifier.load(folder).to(device)
        return cls(classifier, identity_of(folder), device)

    @property
    def axes(self) -> dict[str, list[str]]:
        """Names of the classes of each axis."""
        return self.classifier.axes

    @torch.no_grad()
    def look(self, pictures: Tensor) -> Sight:
        """What pictures (N, 3, 32, 32) in [-1, 1] show."""
        chunks = [
            self.classifier.features(chunk.to(self._device))
            for chunk in torch.split(pictures, BATCH)
        ]
        logits = [self.classifier.logits(chunk) for chunk in chunks]
        probabilities = {
            axis: torch.cat([chunk[axis].double().softmax(1).cpu() for chunk in logits])
            for axis in self.axes
        }
        return Sight(probabilities, features=torch.cat(chunks).cpu())
