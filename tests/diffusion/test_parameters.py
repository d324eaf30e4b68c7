"""Which parameters an unlearning may change: its subsets cover the U-Net without overlap."""

from __future__ import annotations

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from pydantic import ValidationError
from torch import nn

from pipeline.config import ModelConfig
from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.families import FAMILIES
from pipeline.diffusion.parameters import trainable

FAMILY = FAMILIES["StableDiffusionPipeline"]


@pytest.fixture(scope="module")
def base() -> DiffusionModel:
    return load_model("fashion-canvas")


@pytest.fixture
def unet(base: DiffusionModel) -> UNet2DConditionModel:
    return copy.deepcopy(base.pipeline.unet)


def test_with_and_without_cross_attention_are_all(unet: UNet2DConditionModel) -> None:
    whole = trainable(unet, FAMILY, ModelConfig(train="all")).keys()
    with_it = trainable(unet, FAMILY, ModelConfig()).keys()
    without_it = trainable(unet, FAMILY, ModelConfig(train="without_cross_attention")).keys()
    assert with_it
    assert without_it
    assert with_it.isdisjoint(without_it)
    assert with_it | without_it == whole == dict(unet.named_parameters()).keys()


def test_cross_attention_is_the_attention_that_reads_the_prompt(unet: UNet2DConditionModel) -> None:
    """By the blocks' own parts, not by their names."""
    blocks = [module for module in unet.modules() if isinstance(module, BasicTransformerBlock)]
    expected = {id(p) for block in blocks for p in block.attn2.parameters()}
    assert {id(p) for p in trainable(unet, FAMILY, ModelConfig()).values()} == expected


@pytest.mark.parametrize("train", ["all", "cross_attention", "without_cross_attention"])
def test_what_is_not_chosen_is_frozen(unet: UNet2DConditionModel, train: str) -> None:
    trainable(unet, FAMILY, ModelConfig(train="all"))
    chosen = trainable(unet, FAMILY, ModelConfig(train=train))
    for name, parameter in unet.named_parameters():
        assert parameter.requires_grad == (name in chosen)


def test_attention_is_all_of_it(unet: UNet2DConditionModel) -> None:
    attention = trainable(unet, FAMILY, ModelConfig(train="attention")).keys()
    assert attention > trainable(unet, FAMILY, ModelConfig()).keys()
    own = {name for name in attention if ".attn1." not in name and ".attn2." not in name}
    # The middle of a U-Net of this width has no other attention.
    assert not own


def test_a_pattern_chooses_among_them(unet: UNet2DConditionModel) -> None:
    chosen = trainable(unet, FAMILY, ModelConfig(pattern=r"to_[kv]\.weight$"))
    assert chosen
    assert all(name.endswith((".attn2.to_k.weight", ".attn2.to_v.weight")) for name in chosen)
    with pytest.raises(ValueError, match="whose names hold to_z, found none; its parameters are"):
        trainable(unet, FAMILY, ModelConfig(pattern="to_z"))
    with pytest.raises(ValidationError, match="a regular expression"):
        ModelConfig(pattern="to_(")


def test_a_denoiser_without_cross_attention_says_so() -> None:
    plain = nn.Sequential(nn.Linear(2, 2))
    assert trainable(plain, FAMILY, ModelConfig(train="without_cross_attention")).keys() == {
        "0.weight",
        "0.bias",
    }
    with pytest.raises(ValueError, match=r"model\.train: expected a denoiser with cross_attention"):
        trainable(plain, FAMILY, ModelConfig())
    assert not torch.any(torch.tensor([p.requires_grad for p in plain.parameters()]))
