"""What every family keeps of its weights: which may change, and that they come back."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline

from pipeline.config import ModelConfig
from pipeline.diffusion import DiffusionModel
from pipeline.diffusion.parameters import trainable
from pipeline.diffusion.weights import apply_weights, save_pipeline, save_weights
from tests.diffusion.tiny import prompts


def with_changes(model: DiffusionModel, path: Path) -> tuple[DiffusionModel, set[str]]:
    """The model with some parameters moved, through a file of them, and their names."""
    settings = ModelConfig(train="without_cross_attention")
    changed = trainable(copy.deepcopy(model.denoiser), model.family, settings)
    with torch.no_grad():
        for parameter in changed.values():
            parameter.add_(0.25)
    save_weights(changed, path, model.dtype, {"base": model.fingerprint})
    return apply_weights(model, path), set(changed)


def index_of(folder: Path) -> dict[str, object]:
    """A pipeline's parts and settings, without where it came from."""
    index = json.loads((folder / "model_index.json").read_text())
    return {key: value for key, value in index.items() if key != "_name_or_path"}


def test_changed_weights_come_back_and_no_others(tiny: DiffusionModel, tmp_path: Path) -> None:
    model, changed = with_changes(tiny, tmp_path / "weights.safetensors")
    before = dict(tiny.denoiser.named_parameters())
    assert model.fingerprint != tiny.fingerprint
    assert changed
    for name, parameter in model.denoiser.named_parameters():
        expected = before[name] + 0.25 if name in changed else before[name]
        assert torch.equal(parameter, expected)


def test_plain_diffusers_loads_what_is_saved(tiny: DiffusionModel, tmp_path: Path) -> None:
    model, _ = with_changes(tiny, tmp_path / "weights.safetensors")
    save_pipeline(model, tmp_path / "whole")
    plain = DiffusionPipeline.from_pretrained(tmp_path / "whole", local_files_only=True)
    assert type(plain) is tiny.family.pipeline
    assert index_of(tmp_path / "whole") == index_of(tiny.folder)
    for part in tiny.family.parts:
        theirs = getattr(plain, part).state_dict()
        ours = getattr(model.pipeline, part).state_dict()
        assert theirs.keys() == ours.keys()
        for name, tensor in theirs.items():
            assert torch.equal(tensor, ours[name])


@pytest.mark.parametrize(
    "train", ["all", "attention", "cross_attention", "without_cross_attention"]
)
def test_gradients_reach_exactly_what_is_trained(
    tiny: DiffusionModel, family_name: str, train: str
) -> None:
    denoiser = copy.deepcopy(tiny.denoiser)
    chosen = trainable(denoiser, tiny.family, ModelConfig.model_validate({"train": train}))
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn((3, *tiny.latent_shape), generator=generator)
    times = tiny.noise.draw_times(3, generator)
    conditions = tiny.encode_prompts(prompts(family_name))
    tiny.predict(denoiser, noisy, times, conditions).pow(2).mean().backward()
    reached = {name for name, p in denoiser.named_parameters() if p.grad is not None}
    assert reached == chosen.keys()
    grads = [parameter.grad for parameter in chosen.values()]
    assert any(grad is not None and bool(grad.any()) for grad in grads)
