"""Stable Diffusion XL's own: what it is told without a prompt, and of a picture's size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.conditions import STATES
from tests.diffusion.tiny import build


def model_in(folder: Path, *, force_zeros: bool) -> DiffusionModel:
    """The tiny model with its setting for the empty prompt."""
    index = build("sdxl", folder) / "model_index.json"
    settings = json.loads(index.read_text()) | {"force_zeros_for_empty_prompt": force_zeros}
    index.write_text(json.dumps(settings))
    return load_model(folder)


@pytest.mark.parametrize("force_zeros", [True, False])
def test_no_prompt_is_what_the_pipeline_guides_with(tmp_path: Path, *, force_zeros: bool) -> None:
    model = model_in(tmp_path, force_zeros=force_zeros)
    told = model.encode_prompts(["a dress", ""])
    with torch.no_grad():
        states, no_states, pooled, no_pooled = model.pipeline.encode_prompt("a dress")
    expected = {STATES: torch.cat([states, no_states]), "pooled": torch.cat([pooled, no_pooled])}
    for name, tensor in expected.items():
        torch.testing.assert_close(told.tensors[name], tensor)
    assert (told.tensors[STATES][1] == 0).all() == force_zeros


@pytest.mark.parametrize("force_zeros", [True, False])
def test_the_setting_stays_around_another_denoiser(tmp_path: Path, *, force_zeros: bool) -> None:
    model = model_in(tmp_path, force_zeros=force_zeros)
    other = model.with_denoiser(model.denoiser, "other")
    assert other.pipeline.config.force_zeros_for_empty_prompt == force_zeros


def test_a_picture_is_whole_and_of_the_models_size(tmp_path: Path) -> None:
    model = model_in(tmp_path, force_zeros=True)
    side = 16
    assert model.encode_prompts([""]).tensors["time_ids"].tolist() == [
        [side, side, 0, 0, side, side]
    ]
    size = ((side, side), (0, 0), (side, side))
    projection = model.pipeline.text_encoder_2.config.projection_dim
    theirs = model.pipeline._get_add_time_ids(*size, torch.float32, projection)
    assert torch.equal(model.encode_prompts([""]).tensors["time_ids"], theirs)
