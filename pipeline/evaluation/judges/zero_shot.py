"""CLIP as a judge of any axis, by a caption of each value (Radford et al. 2021, arXiv 2103.00020).

Legend: N pictures, K values of an axis, D width of CLIP's shared feature space.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from pipeline.evaluation.alignment import ClipJudge
from pipeline.evaluation.judges.identity import identity_of
from pipeline.evaluation.judges.judge import Captions, Sight


class ZeroShotJudge:
    """Probabilities are the softmax of CLIP's logit scale x the cosines with the captions.

    Its features are CLIP's, brought from length one to length sqrt(D): a kernel on features takes
    their components to be of the order of one.

    Args:
        folder: of a CLIP in transformers' layout.
        captions: of the axes that it judges.
        device: where to.

    Raises:
        ValueError: the folder holds no CLIP.
    """

    def __init__(self, folder: Path, captions: Captions, device: torch.device) -> None:
        self._clip = ClipJudge.load(folder, device)
        self._captions = captions
        self.axes = {axis: list(by_value) for axis, by_value in captions.items()}
        self.identity = identity_of(
            folder, {"captions": {axis: dict(of_values) for axis, of_values in captions.items()}}
        )

    def look(self, pictures: Tensor) -> Sight:
        """What pictures (N, 3, H, W) in [-1, 1] show."""
        features = self._clip.picture_features(pictures)
        scale = self._clip.logit_scale
        probabilities = {
            axis: (scale * features.double() @ self._texts(axis)).softmax(1) for axis in self.axes
        }
        return Sight(probabilities, features=features * math.sqrt(features.shape[1]))

    def _texts(self, axis: str) -> Tensor:
        """Unit features of the axis's captions, (D, K)."""
        return self._clip.text_features(list(self._captions[axis].values())).double().T
