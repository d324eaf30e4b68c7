"""Search spaces that ship for real models, on tiny ones: dotted overrides make seconds of days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from pipeline.config import JudgeConfig, load_space
from pipeline.prompts.vocabulary import vocabulary
from tests.diffusion.tiny import build
from tests.diffusion.tiny.class_unet import class_unet
from tests.evaluation.judges.tiny import TimmTransformer, clip, image_classifier

FILES: Final = Path(__file__).parents[2] / "search_spaces"

FAMILIES: Final = {
    "sd15_nudity": "sd1",
    "sd15_van_gogh": "sd1",
    "sd15_church": "sd1",
    "unlearncanvas_style": "sd1",
    "unlearncanvas_object": "sd1",
    "sdxl_object_lora": "sdxl",
    "sd3_style_lora": "sd3",
    "flux_style_lora": "flux",
    "cifar10_class": "class_unet",
}
"""Search space -> the family that it is of, as the tiny models are called."""

SHORT: Final = (
    "prompts.train=2",
    "prompts.test=8",
    "synthesis.steps=2",
    "update.steps=2",
    "update.forget_batch=2",
    "update.retain_batch=2",
    "update.telemetry_every=1",
    "evaluation.steps=2",
    "evaluation.batch=8",
    "evaluation.gallery=1",
    "budget.trials=2",
    "budget.max_concurrent=1",
    "scaling.gpus_per_worker=0",
    "gate=null",  # of so few prompts it could not be passed
)
"""What a machine without a GPU does in seconds."""


@dataclass(frozen=True)
class TinyWorld:
    """Tiny models and judges by the names that overrides give them, each made once.

    Attributes:
        folder: where they lie.
    """

    folder: Path

    def overrides(self, name: str) -> list[str]:
        """All that a shipped space needs to run here, as `unlearn sweep --set` takes it."""
        evaluation = load_space(FILES / f"{name}.yaml").tree["evaluation"]
        return [
            *SHORT,
            f"model.base={self.model(FAMILIES[name])}",
            f"evaluation.clip={self._once('clip-a')}",
            *self._judges("evaluation.classifier", evaluation["classifier"], "a"),
            *self._judges("evaluation.second_classifier", evaluation["second_classifier"], "b"),
        ]

    def model(self, family: str) -> Path:
        """A tiny model of a family; that of classes has CIFAR-10's."""
        folder = self.folder / family
        if folder.exists():
            return folder
        if family == "class_unet":
            return class_unet(folder, names=vocabulary("cifar10").axes["class"])
        return build(family, folder)

    def _judges(self, at: str, judges: Mapping[str, Any], eyes: str) -> Iterator[str]:
        """Only where a judge's weights lie changes; NudeNet's come with its wheel."""
        for axis, node in judges.items():
            judge = JudgeConfig.model_validate(node)
            if judge.zero_shot is not None:
                yield f"{at}.{axis}.zero_shot={self._once(f'clip-{eyes}')}"
            if judge.unlearncanvas_vit is not None:
                yield f"{at}.{axis}.unlearncanvas_vit={self._once(axis)}"
            if judge.transformers is not None:
                labels = [label for group in judge.transformers.labels.values() for label in group]
                folder = self.folder / "-".join(labels)
                if not folder.exists():
                    image_classifier(folder, tuple(labels))
                yield f"{at}.{axis}.transformers.model={folder}"

    def _once(self, name: str) -> Path:
        folder = self.folder / name
        if folder.exists():
            return folder
        if name.startswith("clip"):
            return clip(folder, seed=ord(name[-1]), agreeable=True)
        values = vocabulary("unlearncanvas").axes[name]
        torch.manual_seed(0)
        return TimmTransformer(len(values)).save(folder, "\n".join(values))
