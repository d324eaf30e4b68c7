"""In which form a promoted model is kept: complete, as adapters, or what differs from its base."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final, Literal, assert_never

from pipeline.config import Experiment
from pipeline.diffusion.load import load_model
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.weights import (
    apply_weights,
    changed_tensors,
    is_adapters,
    save_pipeline,
    save_weights,
)

Form = Literal["folder", "lora", "delta"]
"""A complete diffusers folder; adapters that `load_lora_weights` reads; the changed tensors."""

WEIGHTS_OF: Final[dict[Form, str | None]] = {
    "folder": None,
    # The name that diffusers looks for where it is told none.
    "lora": "pytorch_lora_weights.safetensors",
    "delta": "weights.safetensors",
}
"""The file beside the manifest that belongs around the base; None where the folder is complete."""


def check_form(form: Form, experiment: Experiment) -> None:
    """Make sure that a training's result has a form.

    Raises:
        ValueError: it has no adapters.
    """
    if form == "lora" and experiment.model.lora is None:
        raise ValueError(
            "--as lora: expected a trial that trained adapters (model.lora), this one trained the "
            "weights themselves; promote it --as folder, or --as delta for the changed ones alone"
        )


def write_form(form: Form, base: DiffusionModel, weights: Path, folder: Path) -> DiffusionModel:
    """Write a trained model into a new folder, and load what was written.

    Args:
        form: in which.
        base: that it was trained from.
        weights: of the trial.
        folder: gets it.

    Raises:
        ValueError: plain diffusers has no way to read adapters for such a pipeline.
    """
    if form == "folder":
        save_pipeline(apply_weights(base, weights), folder)
        return load_model(folder, device=base.device)
    folder.mkdir(parents=True)
    path = folder / str(WEIGHTS_OF[form])
    match form:
        case "lora":
            if not hasattr(base.pipeline, "load_lora_weights"):
                raise ValueError(
                    "--as lora: expected a pipeline for which diffusers reads adapters, got "
                    f"{type(base.pipeline).__name__}; promote it --as folder or delta"
                )
            shutil.copyfile(weights, path)
        case "delta":
            if is_adapters(weights):
                story = {"base": base.fingerprint}
                changed = changed_tensors(apply_weights(base, weights), base)
                save_weights(changed, path, base.dtype, story)
            else:
                shutil.copyfile(weights, path)
        case _:
            assert_never(form)
    return apply_weights(base, path)
