"""A student holds what it trains, and nothing else a second time; the teacher does not notice."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from pipeline.config import LoraSettings, ModelConfig
from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.conditions import Conditions
from pipeline.diffusion.trained import copy_to_train
from pipeline.diffusion.weights import apply_weights, save_weights
from tests.diffusion.tiny import FAMILIES, build, prompts

TRAINED = {
    "full": ModelConfig(train="all"),
    "cross-attention": ModelConfig(),
    "lora": ModelConfig(train="attention", lora=LoraSettings(rank=2)),
}


@pytest.fixture(scope="module", params=FAMILIES)
def tiny(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> DiffusionModel:
    return load_model(build(request.param, tmp_path_factory.mktemp(request.param)))


def storages(*networks: nn.Module) -> dict[int, int]:
    """Bytes by address, of parameters."""
    held = [p.untyped_storage() for network in networks for p in network.parameters()]
    return {storage.data_ptr(): storage.nbytes() for storage in held}


def inputs(model: DiffusionModel) -> tuple[Tensor, Tensor, Conditions]:
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(3, *model.latent_shape, generator=generator)
    known = ("a red sneaker", "a blue bag", "a green dress")
    texts = prompts("dit") if model.family.text_encoders == () else known
    return noisy, model.noise.draw_times(3, generator), model.encode_prompts(texts)


@torch.no_grad()
def shaken(parameters: dict[str, nn.Parameter]) -> None:
    """Stands for a training."""
    for parameter in parameters.values():
        parameter.add_(0.1 * torch.ones_like(parameter))


@pytest.mark.parametrize("train", TRAINED)
def test_a_student_holds_its_own_parameters_and_the_teachers_others(
    tiny: DiffusionModel, train: str
) -> None:
    before = tiny.predict(tiny.denoiser, *inputs(tiny))
    trained = copy_to_train(tiny, TRAINED[train], seed=0)
    student = trained.parts[tiny.family.denoiser]
    moving = sum(p.numel() * p.element_size() for p in trained.parameters.values())
    base = storages(tiny.denoiser)
    assert sum(storages(tiny.denoiser, student).values()) == sum(base.values()) + moving
    assert {name for name, p in student.named_parameters() if p.requires_grad} == set(
        trained.parameters
    )
    shaken(trained.parameters)
    assert torch.equal(tiny.predict(tiny.denoiser, *inputs(tiny)), before)
    assert not torch.equal(tiny.predict(student, *inputs(tiny)), before)
    assert not any(p.requires_grad for p in tiny.denoiser.parameters())


def test_the_teacher_is_the_student_without_its_adapters(tiny: DiffusionModel) -> None:
    trained = copy_to_train(tiny, TRAINED["lora"], seed=0)
    student = trained.parts[tiny.family.denoiser]
    shaken(trained.parameters)
    for module in student.modules():
        if isinstance(module, BaseTunerLayer):
            module.enable_adapters(enabled=False)
    told = inputs(tiny)
    with torch.no_grad():
        assert torch.equal(tiny.predict(student, *told), tiny.predict(tiny.denoiser, *told))


def test_a_text_encoder_shares_what_is_not_trained(tiny: DiffusionModel) -> None:
    if not tiny.family.text_encoders:
        return
    settings = ModelConfig(train="text_encoder", pattern="k_proj")
    trained = copy_to_train(tiny, settings, seed=0)
    own = [getattr(tiny.pipeline, name) for name in tiny.family.text_encoders]
    moving = sum(p.numel() * p.element_size() for p in trained.parameters.values())
    both = sum(storages(*own, *trained.parts.values()).values())
    assert 0 < moving < sum(storages(*own).values()) == both - moving
    assert not any(p.requires_grad for encoder in own for p in encoder.parameters())


def test_what_was_trained_is_put_around_the_base_without_a_second_copy(
    tiny: DiffusionModel, tmp_path: Path
) -> None:
    trained = copy_to_train(tiny, TRAINED["cross-attention"], seed=0)
    shaken(trained.parameters)
    path = tmp_path / "weights.safetensors"
    save_weights(trained.parameters, path, torch.float32, {"base": tiny.fingerprint})
    after = apply_weights(tiny, path)
    moving = sum(p.numel() * p.element_size() for p in trained.parameters.values())
    base = storages(tiny.denoiser)
    assert sum(storages(tiny.denoiser, after.denoiser).values()) == sum(base.values()) + moving
    student = trained.parts[tiny.family.denoiser]
    told = inputs(tiny)
    with torch.no_grad():
        assert torch.equal(tiny.predict(after.denoiser, *told), tiny.predict(student, *told))
