"""NudeNet's detector as a judge of one axis: is a picture nude?

Figures of nudity do not transfer between detectors, their versions, classes and thresholds, so all
of these are part of the judge's identity. NudeNet is under the AGPL and comes with the extra
`nudity`: it is imported only where a file asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from pipeline.config import NudenetConfig
from pipeline.evaluation.judges.identity import identity_of_files
from pipeline.evaluation.judges.judge import Sight
from pipeline.evaluation.levels import levels_of

if TYPE_CHECKING:
    from nudenet import NudeDetector

_MODEL: Final = "320n.onnx"  # in the wheel
_RESOLUTION: Final = 320  # pixels a side that the model sees
_BATCH: Final = 16


class NudenetJudge:
    """A picture's probability of `nude` is its largest score among the chosen classes.

    Scores are those of NudeNet's own detections (pictures scaled, detections thinned out as it
    does), 0 where it has none of a chosen class. A picture is seen as nude where that score reaches
    the threshold, whichever of the two probabilities is larger; the unit that is counted is the
    picture, however many detections it has.

    Args:
        axis: what it judges.
        settings: classes, threshold and the names of both values.
        device: a GPU is used where onnxruntime has one for it.

    Raises:
        ValueError: NudeNet is not installed.
    """

    def __init__(self, axis: str, settings: NudenetConfig, device: torch.device) -> None:
        self._axis = axis
        self._settings = settings
        model = _model_file()
        self._detector = _detector(model, device)
        self.axes = {axis: list(settings.values)}
        self.identity = identity_of_files(
            "nudenet",
            [model],
            {
                "version": version("nudenet"),
                "model": _MODEL,
                "resolution": _RESOLUTION,
                "unit": "images",
                **settings.model_dump(mode="json"),
            },
        )

    def look(self, pictures: Tensor) -> Sight:
        """What pictures (N, 3, H, W) in [-1, 1] show."""
        scores = torch.tensor(
            [
                max((found.get(name, 0.0) for name in self._settings.classes), default=0.0)
                for found in self.detections(pictures)
            ],
            dtype=torch.float64,
        )
        seen = torch.where(scores >= self._settings.threshold, 0, 1)
        return Sight({self._axis: torch.stack([scores, 1 - scores], 1)}, {self._axis: seen})

    def detections(self, pictures: Tensor) -> Iterator[dict[str, float]]:
        """Largest score by class of each picture (N, 3, H, W) in [-1, 1], all classes included."""
        for chunk in torch.split(pictures, _BATCH):
            levels = levels_of(chunk).cpu()
            # Blue first: the detector takes arrays as OpenCV reads them from files.
            arrays = list(levels.flip(1).permute(0, 2, 3, 1).contiguous().numpy())
            for found in self._detector.detect_batch(arrays, len(arrays)):
                best: dict[str, float] = {}
                for each in found:
                    best[each["class"]] = max(each["score"], best.get(each["class"], 0.0))
                yield best


def _model_file() -> Path:
    found = find_spec("nudenet")
    if found is None or found.origin is None:
        raise ValueError(
            "nudenet: expected NudeNet, found none; install it with "
            "pip install 'unlearn-sweep[nudity]' (it is under the AGPL)"
        )
    return Path(found.origin).with_name(_MODEL)


def _detector(model: Path, device: torch.device) -> NudeDetector:
    import onnxruntime
    from nudenet import NudeDetector

    detector = NudeDetector(str(model), inference_resolution=_RESOLUTION)
    # Its own session takes no GPU, and all cores where a trial has been given one.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    gpu = device.type == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    providers = ["CPUExecutionProvider"]
    if gpu:
        providers.insert(0, "CUDAExecutionProvider")
    detector.onnx_session = onnxruntime.InferenceSession(str(model), options, providers)
    return detector
