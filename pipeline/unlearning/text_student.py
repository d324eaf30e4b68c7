"""The student where text encoders are trained: prompts are encoded anew, with gradients.

The denoiser is the base's, frozen; what the base itself makes of prompts stays as it was cached.
Legend: B samples, C H W latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from pipeline.diffusion.conditions import PROMPT, Conditions
from pipeline.diffusion.model import DiffusionModel, products_in
from pipeline.unlearning.batches import Pool, TrainingSet
from pipeline.unlearning.predictors import Predict


class TextStudent(nn.Module):
    """Encodes each sample's prompt and predicts; text encoders are its only submodules.

    Args:
        model: whose denoiser predicts.
        encoders: to train, by name in the pipeline.
        texts: prompts, which conditions name by their places.
    """

    def __init__(
        self, model: DiffusionModel, encoders: Mapping[str, nn.Module], texts: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self._texts = texts
        self._family = model.family
        # A tuple hides it: of a frozen submodule several workers would want gradients.
        self._denoiser = (model.denoiser,)
        self._pipeline = model.family.around(model.pipeline, dict(encoders))

    def forward(self, noisy: Tensor, times: Tensor, conditions: Conditions) -> Tensor:
        """The prediction (B, C, H, W)."""
        texts = [self._texts[place] for place in conditions.tensors[PROMPT].tolist()]
        told = self._family.retell(self._pipeline, texts, conditions)
        return self._family.predict(self._denoiser[0], noisy, times, told)


def text_predictor(student: nn.Module, precision: torch.dtype) -> Predict:
    """A text student, or what wraps one for several workers, as objectives call it."""

    def predict(noisy: Tensor, times: Tensor, conditions: Conditions) -> Tensor:
        with products_in(precision, noisy.device):
            predicted: Tensor = student(noisy, times, conditions)
        return predicted.float()

    return predict


def with_texts(
    data: TrainingSet, texts: Mapping[str, tuple[str, ...]], anchors: tuple[str, ...]
) -> TrainingSet:
    """A training set whose conditions say which prompts they are of.

    Args:
        data: without texts.
        texts: each pool's prompts, by source; those of the forget pool under `forget`.
        anchors: the forget prompts' anchors.
    """
    every = ("", *anchors, *(text for own in texts.values() for text in own))
    known = tuple(dict.fromkeys(every))
    place = {text: number for number, text in enumerate(known)}

    def numbered(conditions: Conditions | None, own: tuple[str, ...]) -> Conditions | None:
        return None if conditions is None else conditions.of(torch.tensor([place[t] for t in own]))

    def told(pool: Pool, own: tuple[str, ...]) -> Pool:
        numbers = torch.tensor([place[text] for text in own])
        return replace(pool, conditions=pool.conditions.of(numbers))

    forget = replace(
        told(data.forget, texts["forget"]),
        anchor_conditions=numbered(data.forget.anchor_conditions, anchors),
    )
    retain = {source: told(pool, texts[source]) for source, pool in data.retain.items()}
    return replace(
        data, forget=forget, retain=retain, empty=numbered(data.empty, ("",)), texts=known
    )
