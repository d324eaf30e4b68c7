"""A small convolutional classifier with one head an axis: what is it, and in which style?

Two architectures share one interface, so that a promoted model can be judged by eyes that no
search has ever optimised against. Legend: B pictures, C channels.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, assert_never

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipeline.config.plain_json import load_object
from pipeline.diffusion.files import check_flat
from pipeline.diffusion.reading import reading

Architecture = Literal["plain", "residual"]

_REMEDY = "copy it again, or make it again with `unlearn canvas build`"

NONE_OF_THESE = "none of these"
"""The class of pictures that show no object of the axis at all."""


class AxisClassifier(nn.Module):
    """Logits for every axis of a picture.

    Args:
        axes: names of the classes of each axis; the axis's head gives one logit a name.
        architecture: `plain` (convolution, batch norm, ReLU) or `residual` (pre-activation
            residual blocks, group norm, SiLU).
        width: channels of the first stage.
    """

    def __init__(
        self, axes: dict[str, list[str]], architecture: Architecture = "plain", width: int = 32
    ) -> None:
        super().__init__()
        self.axes = axes
        self.architecture: Architecture = architecture
        self.width = width
        match architecture:
            case "plain":
                self.body = _plain_body(width)
            case "residual":
                self.body = _residual_body(width)
            case _:
                assert_never(architecture)
        self.heads = nn.ModuleDict(
            {axis: nn.Linear(4 * width * 16, len(names)) for axis, names in axes.items()}
        )

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Logits (B, classes) by axis, of pictures (B, 3, 32, 32) in [-1, 1]."""
        return self.logits(self.features(pictures))

    def logits(self, features: Tensor) -> dict[str, Tensor]:
        """Logits (B, classes) by axis, of what `features` gave."""
        return {axis: head(features) for axis, head in self.heads.items()}

    def features(self, pictures: Tensor) -> Tensor:
        """What the heads see: (B, 64 x width)."""
        features: Tensor = self.body(pictures).flatten(1)
        return features

    def save(self, folder: Path) -> None:
        """Write `config.json` and half-precision `model.safetensors`."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {"axes": self.axes, "architecture": self.architecture, "width": self.width}
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        weights = {
            key: value.half() if value.is_floating_point() else value
            for key, value in self.state_dict().items()
        }
        save_file({k: v.contiguous() for k, v in weights.items()}, folder / "model.safetensors")

    @classmethod
    def load(cls, folder: Path) -> AxisClassifier:
        """Read what `save` wrote, in float32 and evaluation mode.

        Raises:
            ValueError: the folder holds no such classifier.
        """
        config_file, weights_file = folder / "config.json", folder / "model.safetensors"
        if not config_file.is_file() or not weights_file.is_file():
            raise ValueError(
                f"{folder}: expected a classifier (config.json and model.safetensors); "
                "name the folder of one that `unlearn canvas build` made"
            )
        check_flat(folder)
        config = load_object(config_file, _REMEDY)
        with reading(folder, "a classifier whose weights fit its config.json", _REMEDY):
            classifier = cls(**config)
            weights = {
                key: value.float() if value.is_floating_point() else value
                for key, value in load_file(weights_file).items()
            }
            classifier.load_state_dict(weights)
        return classifier.eval()


def _plain_body(width: int) -> nn.Sequential:
    def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

    return nn.Sequential(
        *block(3, width, 1),
        *block(width, width, 2),
        *block(width, 2 * width, 1),
        *block(2 * width, 2 * width, 2),
        *block(2 * width, 4 * width, 1),
        *block(4 * width, 4 * width, 2),
    )


def _residual_body(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, width, 3, 1, 1),
        _Residual(width, width),
        nn.AvgPool2d(2),
        _Residual(width, 2 * width),
        nn.AvgPool2d(2),
        _Residual(2 * width, 4 * width),
        nn.AvgPool2d(2),
        _Residual(4 * width, 4 * width),
        nn.GroupNorm(8, 4 * width),
        nn.SiLU(),
    )


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.GroupNorm(8, inputs),
            nn.SiLU(),
            nn.Conv2d(inputs, outputs, 3, 1, 1),
            nn.GroupNorm(8, outputs),
            nn.SiLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1),
        )
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.skip(x) + self.branch(x)
        return result
