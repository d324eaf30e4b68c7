"""Which parameters an unlearning may change: its subsets cover the U-Net without overlap."""

from __future__ import annotations

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from torch import nn

from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.parameters import trainable


@pytest.fixture(scope="module")
def base() -> DiffusionModel:
    return load_model("fashion-canvas")


@pytest.fixture
def unet(base: DiffusionModel) -> UNet2DConditionModel:
    return copy.deepcopy(base.unet)


def test_with_and_without_cross_attention_are_all(unet: UNet2DConditionModel) -> None:
    whole = trainable(unet, "all").keys()
    with_it = trainable(unet, "cross_attention").keys()
    without_it = trainable(unet, "without_cross_attention").keys()
    assert with_it
    assert without_it
    assert with_it.isdisjoint(without_it)
    assert with_it | without_it == whole == dict(unet.named_parameters()).keys()


def test_cross_attention_is_the_attention_that_reads_the_prompt(unet: UNet2DConditionModel) -> None:
    """By the blocks' own parts, not by their names."""
    blocks = [module for module in unet.modules() if isinstance(module, BasicTransformerBlock)]
    expected = {id(p) for block in blocks for p in block.attn2.parameters()}
    assert {id(p) for p in trainable(unet, "cross_attention").values()} == expected


@pytest.mark.parametrize("train", ["all", "cross_attention", "without_cross_attention"])
def test_what_is_not_chosen_is_frozen(unet: UNet2DConditionModel, train: str) -> None:
    trainable(unet, "all")
    chosen = trainable(unet, train)  # type: ignore[arg-type]
    for name, parameter in unet.named_parameters():
        assert parameter.requires_grad == (name in chosen)


def test_a_denoiser_without_cross_attention_says_so() -> None:
    plain = nn.Sequential(nn.Linear(2, 2))
    assert trainable(plain, "without_cross_attention").keys() == {"0.weight", "0.bias"}
    with pytest.raises(ValueError, match=r"model\.train: expected a U-Net with cross_attention"):
        trainable(plain, "cross_attention")
    assert not torch.any(torch.tensor([p.requires_grad for p in plain.parameters()]))
