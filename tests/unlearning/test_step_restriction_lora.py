"""The restricted step on LoRA adapters of peft: the same promises as on the model's own weights.

Hu et al. 2021, arXiv 2106.09685. One factor of each adapter starts at zero, so that in the first
step the gradients of the other one vanish.
"""

from __future__ import annotations

import copy

import pytest
import torch
from peft import LoraConfig

from pipeline.diffusion import DiffusionModel
from pipeline.unlearning.batches import TrainingSet
from tests.unlearning.short_runs import lopsided
from tests.unlearning.stepping import Trained, take_steps

ROUNDING = 1e-6
"""Largest cosine that counts as none; adapters are as small as their steps, and round less."""

OPTIMIZERS = ("adamw", "sgd")


def adapters_of(base: DiffusionModel) -> Trained:
    """Adapters of rank 4 on all attention, the same ones every time."""
    unet = copy.deepcopy(base.pipeline.unet).requires_grad_(requires_grad=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # peft draws from the global generator alone
        unet.add_adapter(LoraConfig(r=4, target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    return unet, {name: p for name, p in unet.named_parameters() if p.requires_grad}


def test_only_adapters_move(base: DiffusionModel, data: TrainingSet) -> None:
    unet, parameters = adapters_of(base)
    assert parameters
    assert all("lora_" in name for name in parameters)
    before = {name: p.clone() for name, p in unet.named_parameters()}
    take_steps(base, lopsided("adamw", "step"), data, (unet, parameters))
    moved = {name for name, p in unet.named_parameters() if not torch.equal(p, before[name])}
    assert moved == set(parameters)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_step_raises_a_loss_and_unrestricted_ones_do(
    base: DiffusionModel, data: TrainingSet, optimizer: str
) -> None:
    free = take_steps(base, lopsided(optimizer, "none"), data, adapters_of(base))
    assert max(free.worst_cosine()) > 1e3 * ROUNDING
    for restriction in ("step", "both"):
        settings = lopsided(optimizer, restriction)
        steps = take_steps(base, settings, data, adapters_of(base))
        assert max(steps.worst_cosine()) <= ROUNDING
        assert restriction == "both" or max(steps.values("restricted")) == 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_accumulation_changes_nothing(
    base: DiffusionModel, data: TrainingSet, optimizer: str
) -> None:
    """Adapters change alike to 1e-3: parts are only summed in another order."""
    whole, halves, thirds = (
        take_steps(
            base, lopsided(optimizer, "step", steps=2, accumulate=parts), data, adapters_of(base)
        ).change
        for parts in (1, 2, 3)
    )
    for parts in (halves, thirds):
        assert 0 < float((parts - whole).norm() / whole.norm()) < 1e-3


@pytest.mark.parametrize(("optimizer", "tolerance"), [("adamw", 0.15), ("sgd", 0.02)])
def test_bf16_takes_nearly_the_steps_of_float32(
    base: DiffusionModel, data: TrainingSet, optimizer: str, tolerance: float
) -> None:
    """AdamW divides by magnitudes, so that small elements, of few right digits, count as much."""
    exact, rounded = (
        take_steps(base, lopsided(optimizer, "step", precision=precision), data, adapters_of(base))
        for precision in ("fp32", "bf16")
    )
    assert max(rounded.worst_cosine()) <= ROUNDING
    assert 0 < float((rounded.change - exact.change).norm() / exact.change.norm()) < tolerance
