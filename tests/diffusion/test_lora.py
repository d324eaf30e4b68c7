"""Adapters: what they add, and that plain diffusers adds the same."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import nn

from pipeline.config import LoraSettings, ModelConfig, embedded
from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.lora import add_adapters, portable
from pipeline.diffusion.parameters import trainable
from pipeline.diffusion.weights import apply_weights, save_weights

SETTINGS = LoraSettings(rank=4, alpha=8.0)


@pytest.fixture(scope="module")
def base() -> DiffusionModel:
    return load_model("fashion-canvas")


def adapted(base: DiffusionModel) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    """A copy of the denoiser with adapters that do something."""
    denoiser = copy.deepcopy(base.denoiser)
    factors = trainable(denoiser, base.family, ModelConfig(lora=SETTINGS), seed=3)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for factor in factors.values():
            factor.add_(0.15 * torch.randn(factor.shape, generator=generator))
    return denoiser, factors


def prediction(base: DiffusionModel, denoiser: nn.Module) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    noisy = torch.randn(2, *base.latent_shape, generator=generator)
    conditions = base.encode_prompts(["a red sneaker", "a mosaic of a bag"])
    with torch.no_grad():
        return base.predict(denoiser, noisy, torch.tensor([900, 300]), conditions)


def test_only_factors_move_and_the_seed_decides_them(base: DiffusionModel) -> None:
    denoiser = copy.deepcopy(base.denoiser)
    before = prediction(base, denoiser)
    factors = trainable(denoiser, base.family, ModelConfig(lora=SETTINGS), seed=3)
    assert factors
    assert all(".attn2." in name and ".lora_" in name for name in factors)
    assert {name for name, p in denoiser.named_parameters() if p.requires_grad} == set(factors)
    assert torch.equal(prediction(base, denoiser), before)  # B begins at zero
    for seed, same in ((3, True), (4, False)):
        other = trainable(
            copy.deepcopy(base.denoiser), base.family, ModelConfig(lora=SETTINGS), seed=seed
        )
        equal = [torch.equal(other[name], factors[name]) for name in factors if "lora_A" in name]
        assert all(equal) is same


def test_it_is_the_low_rank_update_of_the_paper() -> None:
    linear = nn.Linear(3, 5, bias=False)
    layer = nn.Sequential(linear)
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    weight = linear.weight.detach().clone()
    factors = add_adapters(layer, {"0.weight"}, LoraSettings(rank=2, alpha=6.0), seed=0)
    a, b = (next(f for n, f in factors.items() if kind in n) for kind in ("lora_A", "lora_B"))
    assert (a.shape, b.shape) == ((2, 3), (5, 2))
    nn.init.constant_(b, 0.1)
    torch.testing.assert_close(layer(x), x @ (weight + 6 / 2 * b @ a).T)


def test_a_file_comes_back_merged(base: DiffusionModel, tmp_path: Path) -> None:
    denoiser, factors = adapted(base)
    path = tmp_path / "weights.safetensors"
    tensors = portable(factors, SETTINGS, "unet")
    save_weights(tensors, path, torch.float32, {"base": base.fingerprint})
    model = apply_weights(base, path)
    expected = prediction(base, denoiser)
    torch.testing.assert_close(prediction(base, model.denoiser), expected, rtol=1e-4, atol=1e-4)
    assert float((expected - prediction(base, base.denoiser)).abs().max()) > 0.1
    changed = {
        name
        for name, parameter in model.denoiser.named_parameters()
        if not torch.equal(parameter, base.denoiser.get_parameter(name))
    }
    assert changed == {f"{n.split('.lora_')[0]}.weight" for n in factors}


def test_plain_diffusers_loads_the_file(base: DiffusionModel, tmp_path: Path) -> None:
    denoiser, factors = adapted(base)
    tensors = portable(factors, SETTINGS, "unet")
    save_weights(tensors, tmp_path / "weights.safetensors", torch.float32, {"base": "any"})
    plain = StableDiffusionPipeline.from_pretrained(embedded("base", "fashion-canvas"))
    plain.load_lora_weights(tmp_path, weight_name="weights.safetensors")
    torch.testing.assert_close(
        prediction(base, plain.unet), prediction(base, denoiser), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", ["unet.no.such", "transformer.mid_block.attentions.0.proj_in"])
def test_factors_of_other_layers_are_refused(
    base: DiffusionModel, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "weights.safetensors"
    factors = {f"{name}.lora_A.weight": torch.ones(2, 3), f"{name}.lora_B.weight": torch.ones(3, 2)}
    save_weights(factors, path, torch.float32, {"base": base.fingerprint})
    with pytest.raises(ValueError, match=r"weights\.safetensors: .*expected an adapter"):
        apply_weights(base, path)


def test_layers_that_are_not_linear_get_none(base: DiffusionModel) -> None:
    settings = ModelConfig(train="all", pattern="conv_in", lora=SETTINGS)
    with pytest.raises(ValueError, match=r"model\.lora: expected linear layers"):
        trainable(copy.deepcopy(base.denoiser), base.family, settings)
