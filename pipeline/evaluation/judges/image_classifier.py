"""Any image classifier of transformers as a judge of one axis.

Legend: N pictures, L labels of the classifier, K values of the axis, F width of the features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from pydantic import JsonValue
from torch import Tensor, nn
from transformers import AutoImageProcessor, AutoModelForImageClassification, PreTrainedModel

from pipeline.config.suggestions import did_you_mean
from pipeline.diffusion.files import check_flat
from pipeline.diffusion.reading import reading
from pipeline.evaluation.classifier import NONE_OF_THESE
from pipeline.evaluation.judges.identity import identity_of
from pipeline.evaluation.judges.judge import BATCH, Sight
from pipeline.evaluation.levels import levels_of
from pipeline.evaluation.report import JudgeIdentity

Prepare = Callable[[Tensor], Tensor]
"""From pictures (N, 3, H, W) in [-1, 1] to what a model takes."""

Groups = Mapping[str, Sequence[str]]
"""Value of the axis -> labels that mean it."""

_MOST_NAMED: Final = 5
_EXPECTED: Final = (
    "an image classifier in transformers' layout (config.json, safetensors, "
    "preprocessor_config.json)"
)


class ImageClassifierJudge:
    """Softmax over the labels; its features are what the last linear layer sees.

    Where labels are given for values, a value's probability is the sum over its labels, the rest is
    `NONE_OF_THESE`, and a picture shows the value of its most probable *label*: a thousand labels
    that mean nothing here may outweigh together the one that a picture shows.

    Args:
        model: in evaluation mode, on its device.
        prepare: what its pictures need.
        axis: what it judges.
        labels: L names, in the order of its logits.
        groups: labels by value; none where the labels are the values.
        identity: who it is.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        prepare: Prepare,
        axis: str,
        labels: Sequence[str],
        groups: Groups,
        identity: JudgeIdentity,
    ) -> None:
        self._model = model
        self._prepare = prepare
        self._axis = axis
        self._value_of = _values_of(labels, groups, axis) if groups else None
        names = list(labels)
        if self._value_of is not None:
            names = [*groups, NONE_OF_THESE][: int(self._value_of.max()) + 1]
        self.axes = {axis: names}
        self.identity = identity

    @classmethod
    def load(
        cls, folder: Path, axis: str, groups: Groups, device: torch.device
    ) -> ImageClassifierJudge:
        """Read one in transformers' layout, with its image processor, in float32.

        Raises:
            ValueError: the folder holds none, or it has no such labels.
        """
        check_flat(folder)
        remedy = "save it again with its model's and its image processor's save_pretrained"
        with reading(folder, _EXPECTED, remedy):
            model, told = AutoModelForImageClassification.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
            # The only backend that does without torchvision.
            processor = AutoImageProcessor.from_pretrained(
                folder, backend="pil", local_files_only=True, trust_remote_code=False
            )
        if told["missing_keys"]:
            missing = ", ".join(sorted(told["missing_keys"])[:_MOST_NAMED])
            raise ValueError(
                f"{folder}: expected an image classifier with all its weights, found none for "
                f"{missing}; name one that was trained to classify"
            )
        model.eval().requires_grad_(requires_grad=False).to(device)
        names = [model.config.id2label[number] for number in range(model.config.num_labels)]
        named: JsonValue = {value: list(labels) for value, labels in groups.items()}
        identity = identity_of(folder, {"labels": named} if groups else None)

        def prepare(pictures: Tensor) -> Tensor:
            levels = levels_of(pictures).cpu()
            prepared: Tensor = processor(images=list(levels), return_tensors="pt")["pixel_values"]
            return prepared

        return cls(model, prepare, axis, names, groups, identity)

    @torch.no_grad()
    def look(self, pictures: Tensor) -> Sight:
        """What pictures (N, 3, H, W) in [-1, 1] show."""
        head = _head(self._model)
        features: list[Tensor] = []
        hook = None
        if head is not None:
            hook = head.register_forward_pre_hook(
                lambda _, inputs: features.append(inputs[0].flatten(1).float().cpu())
            )
        try:
            logits = torch.cat(
                [
                    self._model(self._prepare(chunk).to(self._model.device)).logits.double().cpu()
                    for chunk in torch.split(pictures, BATCH)
                ]
            )
        finally:
            if hook is not None:
                hook.remove()
        probabilities, seen = logits.softmax(1), {}
        if self._value_of is not None:
            summed = torch.zeros(len(logits), len(self.axes[self._axis]), dtype=torch.float64)
            probabilities = summed.index_add_(1, self._value_of, probabilities)
            seen = {self._axis: self._value_of[logits.argmax(1)]}
        return Sight({self._axis: probabilities}, seen, torch.cat(features) if features else None)


def _head(model: PreTrainedModel) -> nn.Linear | None:
    """The last linear layer with an output a label."""
    count = model.config.num_labels
    linear = [each for each in model.modules() if isinstance(each, nn.Linear)]
    return next((each for each in reversed(linear) if each.out_features == count), None)


def _values_of(labels: Sequence[str], groups: Groups, axis: str) -> Tensor:
    """Number of each label's value, (L,); that of none of them is the last."""
    value_of = torch.full((len(labels),), len(groups))
    for number, (value, meant) in enumerate(groups.items()):
        for label in meant:
            value_of[_number_of(label, labels, f"{axis}.transformers.labels.{value}")] = number
    return value_of


def _number_of(label: str, labels: Sequence[str], place: str) -> int:
    """Of the label of that name, or of the only one with it among its comma-separated names."""
    if labels.count(label) == 1:
        return labels.index(label)
    found = [number for number, names in enumerate(labels) if label in names.split(", ")]
    if len(found) != 1:
        several = " or ".join(repr(labels[number]) for number in found)
        remedy = f"write {several}" if found else did_you_mean(label, labels[:_MOST_NAMED])
        raise ValueError(
            f"evaluation.classifier.{place}: expected one of the classifier's {len(labels)} "
            f"labels, got {label!r}; {remedy}"
        )
    return found[0]
