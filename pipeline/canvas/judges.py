"""Training and measuring the two classifiers that judge Fashion Canvas.

They see real composed pictures only. Distorted and blank ones teach the object head to say
`none of these` instead of guessing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.canvas.dataset import Dataset, as_floats
from pipeline.canvas.schooling import Schedule
from pipeline.evaluation.classifier import NONE_OF_THESE, Architecture, AxisClassifier
from pipeline.prompts.fashion import BACKGROUNDS, COLOURS, OBJECTS, STYLES

SCHEDULE = Schedule(steps=4000, batch=128, learning_rate=3e-3, warmup=50, seed=3)
SECOND_SCHEDULE = replace(SCHEDULE, steps=4000, batch=96, learning_rate=2e-3, seed=4)

_HEAD_WEIGHTS = {"object": 1.5, "style": 1.0, "colour": 0.7, "background": 0.5}
_NONE_SHARE = 1 / 8
_IGNORED = -100  # what cross_entropy leaves out
_SMOOTHING = 0.05
_TYPICAL = 0.8


def new_classifier(architecture: Architecture) -> AxisClassifier:
    """An untrained classifier of Fashion Canvas's four axes."""
    axes = {
        "object": [*OBJECTS, NONE_OF_THESE],
        "style": list(STYLES),
        "colour": list(COLOURS),
        "background": list(BACKGROUNDS),
    }
    width = {"plain": 32, "residual": 24}[architecture]
    classifier = AxisClassifier(axes, architecture, width)
    # torch's annotations forget this form of `to`.
    classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return classifier


def classifier_loss(
    classifier: AxisClassifier, data: Dataset, batch: int, generator: torch.Generator
) -> Tensor:
    """Weighted cross entropy of all heads on augmented pictures, one in eight of them destroyed."""
    rows = torch.randint(len(data), (batch,), generator=generator)
    pictures, labels = as_floats(data.pictures[rows]), data.labels[rows].clone()
    destroyed = int(batch * _NONE_SHARE)
    pictures[:destroyed] = destroy(pictures[:destroyed], generator)
    labels[:destroyed] = _IGNORED
    labels[:destroyed, 0] = len(OBJECTS)
    pictures = _augment(pictures, generator).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = classifier(pictures)
    total = torch.zeros(())
    for column, (axis, weight) in enumerate(_HEAD_WEIGHTS.items()):
        total = total + weight * F.cross_entropy(
            logits[axis].float(), labels[:, column], label_smoothing=_SMOOTHING
        )
    return total


def destroy(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures without an object: shuffled tiles, noise, a slope of colour, heavy blur, flat grain.

    Args:
        pictures: (B, 3, 32, 32) in [-1, 1]; each gets one of five ends, in turn.
        generator: what is drawn from.
    """
    result = pictures.clone()
    for row in range(len(pictures)):
        picture = pictures[row]
        match row % 5:
            case 0:
                tile = 8 if row % 2 else 4
                result[row] = _shuffle_tiles(picture, tile, generator)
            case 1:
                noise = torch.randn(picture.shape, generator=generator) * 0.6
                share = 0.25 * torch.rand((), generator=generator)
                result[row] = (share * picture + noise).clamp(-1, 1)
            case 2:
                shade = torch.rand(3, 2, 1, generator=generator) * 2 - 1
                slope = torch.linspace(0, 1, picture.shape[-1])
                plane = shade[:, :1] * (1 - slope) + shade[:, 1:] * slope
                result[row] = plane.expand_as(picture)
            case 3:
                small = F.adaptive_avg_pool2d(picture[None], 3)
                smooth = F.interpolate(small, picture.shape[-2:], mode="bicubic")
                result[row] = smooth[0].clamp(-1, 1)
            case _:
                corner = picture[:, :4, :4].mean((1, 2), keepdim=True)
                grain = torch.randn(picture.shape, generator=generator) * 0.08
                result[row] = (corner + grain).clamp(-1, 1)
    return result


def _shuffle_tiles(picture: Tensor, tile: int, generator: torch.Generator) -> Tensor:
    tiles = F.unfold(picture[None], tile, stride=tile)
    order = torch.randperm(tiles.shape[-1], generator=generator)
    return F.fold(tiles[..., order], picture.shape[-2:], tile, stride=tile)[0]


def _augment(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Small shifts, faint noise and faint blur, so that a generated softness fools no judge."""
    count = len(pictures)
    shift = torch.randint(-2, 3, (2,), generator=generator).tolist()
    pictures = torch.roll(pictures, shift, (2, 3))
    strength = 0.08 * torch.rand(count, 1, 1, 1, generator=generator)
    pictures = pictures + strength * torch.randn(pictures.shape, generator=generator)
    softness = torch.rand(count, 1, 1, 1, generator=generator)
    softness = softness * (torch.rand(count, 1, 1, 1, generator=generator) < 0.4)  # noqa: PLR2004
    return torch.lerp(pictures, F.avg_pool2d(pictures, 3, 1, 1), softness)


@torch.no_grad()
def typical(classifiers: Sequence[AxisClassifier], data: Dataset) -> Tensor:
    """Which pictures (N,) all classifiers take for what they are, with a probability of 0.8.

    Trained on all of them alone, the base drew dresses of which one in six passed for a t-shirt or
    for trousers (27 of 32 right at guidance 2.5).
    """
    kept = torch.ones(len(data), dtype=torch.bool)
    for classifier in classifiers:
        chunks = [
            classifier(as_floats(chunk))["object"].softmax(1) for chunk in data.pictures.split(500)
        ]
        own = torch.cat(chunks).gather(1, data.labels[:, :1]).flatten()
        kept &= own > _TYPICAL
    return kept


@torch.no_grad()
def classifier_measures(classifier: AxisClassifier, data: Dataset) -> dict[str, float]:
    """Held-out accuracy by axis, the worst object's, and the share of destroyed ones refused."""
    predicted: dict[str, list[Tensor]] = {axis: [] for axis in classifier.axes}
    for chunk in data.pictures.split(500):
        for axis, logits in classifier(as_floats(chunk)).items():
            predicted[axis].append(logits.argmax(1))
    measures = {}
    for column, axis in enumerate(_HEAD_WEIGHTS):
        right = torch.cat(predicted[axis]) == data.labels[:, column]
        measures[axis] = float(right.float().mean())
        if axis == "object":
            of_each = [right[data.labels[:, 0] == number] for number in range(len(OBJECTS))]
            measures["worst_object"] = min(float(rows.float().mean()) for rows in of_each)
    generator = torch.Generator().manual_seed(0)
    destroyed = destroy(as_floats(data.pictures[:500]), generator)
    refused = classifier(destroyed)["object"].argmax(1) == len(OBJECTS)
    measures["none_of_these"] = float(refused.float().mean())
    return measures
