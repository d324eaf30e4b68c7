"""Models that are told a class instead of a sentence: a prompt is a class's name.

Names stand in diffusers' `id2label`: label -> name, or names of the same class with commas between
them. The empty prompt is the null class, a label of its own for "no class in particular"
(Ho & Salimans 2022, arXiv 2207.12598), where a model has one.

Legend: B pictures, C latent channels, H W latent sides.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeGuard

import diffusers
import torch
from torch import Tensor, nn

from pipeline.config.suggestions import did_you_mean
from pipeline.diffusion.conditions import Conditions, concatenate
from pipeline.diffusion.families.family import Drawing, Family, Pipeline
from pipeline.diffusion.noise import Diffusion, NoiseProcess

LABELS: Final = "labels"
"""Classes, (B,) int64."""

_NO_LABEL: Final = -1
"""The empty prompt's where there is no null class: it can be asked for, but not drawn."""


def are_names(id2label: Any) -> TypeGuard[Mapping[Any, str]]:
    """Whether it is a mapping of labels to names, with one at least."""
    return (
        isinstance(id2label, Mapping)
        and len(id2label) > 0
        and all(str(label).isdecimal() for label in id2label)
        and all(isinstance(names, str) for names in id2label.values())
    )


def labels_by_name(id2label: Mapping[Any, str]) -> dict[str, int]:
    """Name -> label, of all names of all classes."""
    return {
        name.strip(): int(label)
        for label, names in id2label.items()
        for name in names.split(",")
        if name.strip()
    }


class ClassConditional(Family):
    """See `Family`. Samples as diffusers' pipelines for classes do, from noise that is given."""

    @abstractmethod
    def id2label(self, pipeline: Pipeline) -> Mapping[Any, str]:
        """The names of the classes."""

    @abstractmethod
    def null_class(self, pipeline: Pipeline) -> int | None:
        """The label of the empty prompt, if the model has one."""

    def load(self, folder: Path, **ready: nn.Module) -> Pipeline:
        """See `Family`."""
        # Diffusers would warn that it ignores the names, or wants numbers where JSON has text.
        verbosity = diffusers.utils.logging.get_verbosity()
        diffusers.utils.logging.set_verbosity_error()
        try:
            return super().load(folder, **ready)
        finally:
            diffusers.utils.logging.set_verbosity(verbosity)

    def noise(self, pipeline: Pipeline) -> NoiseProcess:
        """See `Family`."""
        return Diffusion(pipeline.scheduler)

    def latent_shape(self, pipeline: Pipeline) -> tuple[int, int, int]:
        """See `Family`."""
        config = getattr(pipeline, self.denoiser).config
        size = config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        return (config.in_channels, height, width)

    def encode_prompts(self, pipeline: Pipeline, texts: Sequence[str]) -> Conditions:
        """The labels of classes.

        Raises:
            ValueError: a prompt is no class's name.
        """
        null = self.null_class(pipeline)
        labels = {
            **labels_by_name(self.id2label(pipeline)),
            "": _NO_LABEL if null is None else null,
        }
        for text in texts:
            if text not in labels:
                names = [name for name in labels if name]
                raise ValueError(
                    f"prompt {text!r}: this model knows classes instead of sentences; expected the "
                    f"name of one of its {len(names)}; {_remedy(text, names)}"
                )
        device = getattr(pipeline, self.denoiser).device
        return Conditions({LABELS: torch.tensor([labels[text] for text in texts], device=device)})

    def predict(
        self, denoiser: nn.Module, noisy: Tensor, times: Tensor, conditions: Conditions
    ) -> Tensor:
        """See `Family`.

        Raises:
            ValueError: a row is of the empty prompt, and the model has no null class.
        """
        labels = conditions.tensors[LABELS]
        # On a GPU the embedding's own complaint would end the process.
        if bool((labels == _NO_LABEL).any()):
            raise ValueError(
                "expected a class in every row, got the empty prompt: this model has no null "
                "class; choose losses.forget and an anchor that do without one"
            )
        predicted: Tensor = denoiser(noisy, times, class_labels=labels).sample
        # A model that learned its variance too predicts it in channels of its own, behind these.
        return predicted[:, : noisy.shape[1]]

    def sample(
        self,
        pipeline: Pipeline,
        conditions: Conditions,
        empty: Conditions,
        noise: Tensor,
        drawing: Drawing,
    ) -> Tensor:
        """See `Family`; as in diffusers, guidance of 1 or less is none.

        Raises:
            ValueError: there is guidance but no null class.
        """
        if drawing.guidance != 1 and self.null_class(pipeline) is None:
            raise ValueError(
                f"guidance: expected 1, got {drawing.guidance}: this model has no null class to be "
                "guided away from; set synthesis.guidance and evaluation.guidance to 1"
            )
        guided = drawing.guidance > 1
        told = concatenate([conditions, empty]) if guided else conditions
        scheduler, denoiser = pipeline.scheduler, getattr(pipeline, self.denoiser)
        scheduler.set_timesteps(drawing.steps, device=noise.device)
        own_noise = _own_noise(scheduler, drawing)
        latents = noise * scheduler.init_noise_sigma
        for time in scheduler.timesteps:
            noisy = scheduler.scale_model_input(latents, time)
            noisy = torch.cat([noisy, noisy]) if guided else noisy
            # Steps are in float32 whatever the precision of matrix products.
            predicted = self.predict(denoiser, noisy, time.expand(len(noisy)), told).float()
            if guided:
                of_class, of_none = predicted.chunk(2)
                predicted = of_none + drawing.guidance * (of_class - of_none)
            latents = scheduler.step(predicted, time, latents, **own_noise).prev_sample
        return torch.as_tensor(latents)


_MOST_NAMES = 20


def _remedy(text: str, names: Sequence[str]) -> str:
    """The nearest name, and the names there are; of a thousand only the first."""
    shown = ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
    near = did_you_mean(text, names)
    return f"{near} known: {shown}" if near.startswith("did you mean") else f"known: {shown}"


def _own_noise(scheduler: Any, drawing: Drawing) -> dict[str, Any]:
    """The argument by which a scheduler draws each picture's noise from its own seed, if it can."""
    takes = "generator" in inspect.signature(scheduler.step).parameters
    return {"generator": drawing.generators} if takes else {}
