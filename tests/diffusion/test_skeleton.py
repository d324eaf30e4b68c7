"""A model without weights has the shapes of the real one, and saves what it saves."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from pipeline.config import ModelConfig
from pipeline.diffusion import DiffusionModel
from pipeline.diffusion.activations import count_activations, widest_tensors
from pipeline.diffusion.parameters import trainable
from pipeline.diffusion.skeleton import Skeleton, moving, skeleton
from tests.diffusion.tiny import prompts

CHOICES = {
    "all": ModelConfig(train="all"),
    "lora": ModelConfig.model_validate({"train": "all", "lora": {"rank": 2}}),
}


@pytest.fixture(scope="module")
def shapes(tiny: DiffusionModel) -> Skeleton:
    return skeleton(str(tiny.folder))


def test_it_has_the_shapes_of_the_real_model(
    tiny: DiffusionModel, family_name: str, shapes: Skeleton
) -> None:
    assert shapes.fingerprint == tiny.fingerprint
    assert shapes.latent_shape == tiny.latent_shape
    for part, number in shapes.parameters().items():
        assert number == sum(p.numel() for p in getattr(tiny.pipeline, part).parameters())
    text = prompts(family_name)[0]
    real, fake = tiny.encode_prompts([text]).tensors, shapes.conditions(text).tensors
    assert {name: (t.shape, t.dtype) for name, t in real.items()} == {
        name: (t.shape, t.dtype) for name, t in fake.items()
    }


@pytest.mark.parametrize("choice", CHOICES)
def test_it_saves_for_the_backward_pass_what_a_real_run_saves(
    tiny: DiffusionModel, family_name: str, shapes: Skeleton, choice: str
) -> None:
    settings, text = CHOICES[choice], prompts(family_name)[0]
    counted = count_activations(shapes, settings, text, torch.float32)
    denoiser = copy.deepcopy(tiny.denoiser)
    chosen = trainable(denoiser, tiny.family, settings)
    assert moving(shapes.students(settings)) == sum(p.numel() for p in chosen.values())
    weights = {p.untyped_storage().data_ptr() for p in denoiser.parameters()}
    saved: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    noisy, times = torch.zeros(1, *tiny.latent_shape), torch.zeros(1, dtype=torch.int64)
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        kept = tiny.predict(denoiser, noisy, times, tiny.encode_prompts([text]))
    real = sum(tensor.untyped_storage().nbytes() for tensor in saved.values())
    assert kept.requires_grad
    assert counted.row == pytest.approx(real, rel=0.1)
    assert counted.frozen_casts == counted.moving_casts == 0
    assert 0 < counted.widest < counted.row


def test_half_precision_saves_less_of_pictures_and_casts_weights(
    family_name: str, shapes: Skeleton
) -> None:
    text = prompts(family_name)[0]
    whole = count_activations(shapes, CHOICES["all"], text, torch.float32)
    half = count_activations(shapes, CHOICES["all"], text, torch.bfloat16)
    assert whole.row / 2.2 < half.row < whole.row
    # Embeddings and norms are not cast; of the DiT they are most of what there is.
    denoiser = shapes.parameters()[shapes.family.denoiser]
    assert 0.2 * 2 * denoiser < half.moving_casts <= 2 * denoiser
    assert half.frozen_casts == 0
    beside = count_activations(shapes, CHOICES["lora"], text, torch.bfloat16)
    assert beside.frozen_casts > beside.moving_casts > 0


def test_a_decoded_picture_is_the_least_that_drawing_holds(
    tiny: DiffusionModel, family_name: str, shapes: Skeleton
) -> None:
    sampled, decoded = widest_tensors(shapes, prompts(family_name)[0])
    latents = torch.zeros(1, *tiny.latent_shape)
    assert sampled >= latents.nbytes
    with torch.no_grad():
        assert decoded >= tiny.family.decode(tiny.pipeline, latents).nbytes or not any(
            part == "vae" for part in tiny.family.parts
        )
