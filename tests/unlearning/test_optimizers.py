"""AdamW fused and with states of a byte: nearly its own steps, restricted, saved and resumed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel
from pipeline.unlearning import train
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.eight_bit import in_full
from pipeline.unlearning.optimizers import make_optimizer
from pipeline.unlearning.preconditioner import denominators
from tests.unlearning.killing import killed_and_whole
from tests.unlearning.short_runs import experiment, lopsided
from tests.unlearning.stepping import take_steps

KINDS = ("adamw_fused", "adamw_8bit")
APART = {"adamw_fused": 1e-4, "adamw_8bit": 0.25}
"""Largest distance of three steps from AdamW's, in their length: a byte holds two digits."""


def asked(optimizer: str, restriction: str, **update: object) -> Experiment:
    if optimizer == "adamw_8bit":
        pytest.importorskip("bitsandbytes")
    return lopsided(optimizer, restriction, **update)


@pytest.mark.parametrize("optimizer", KINDS)
@pytest.mark.parametrize("restriction", ["none", "step"])
def test_steps_are_nearly_those_of_adamw(
    base: DiffusionModel, data: TrainingSet, optimizer: str, restriction: str
) -> None:
    own = take_steps(base, asked(optimizer, restriction, weight_decay=0.1), data)
    plain = take_steps(base, asked("adamw", restriction, weight_decay=0.1), data)
    assert float((own.change - plain.change).norm() / plain.change.norm()) < APART[optimizer]
    if restriction == "step":
        assert max(own.values("restricted")) == 1
        assert max(own.worst_cosine()) < 1e-5
    else:
        assert max(own.worst_cosine()) > 1e-2


@pytest.mark.parametrize("optimizer", KINDS)
@pytest.mark.parametrize("killed_after", [1, 4])
def test_a_killed_and_resumed_run_ends_with_the_same_bits(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path, optimizer: str, killed_after: int
) -> None:
    asked(optimizer, "step")
    settings = experiment(None, optimizer=optimizer, restriction="step", telemetry_every=1)
    killed, whole = killed_and_whole(base, settings, data, tmp_path, killed_after)
    last = Path("checkpoints", "step-000006", "state.safetensors")
    assert (killed / last).read_bytes() == (whole / last).read_bytes()
    state = load_file(killed / last)
    bytes_each = sorted(value.element_size() for key, value in state.items() if "/state2/" in key)
    assert not bytes_each if optimizer == "adamw_fused" else bytes_each[0] == 1


def test_a_second_moment_of_bytes_is_read_as_the_optimiser_reads_it() -> None:
    """Channels last, as convolutions are trained: an order mistaken would be off everywhere."""
    pytest.importorskip("bitsandbytes")
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(32, 32, 3, 3, generator=generator).to(memory_format=torch.channels_last)
    moving = {"weight": torch.nn.Parameter(weight)}
    scale = torch.rand(weight.shape, generator=generator) + 0.5
    pairs = []
    for kind in ("adamw_8bit", "adamw"):
        generator.manual_seed(1)
        optimizer = make_optimizer(moving, lopsided(kind, "none").update)
        for _ in range(10):
            gradient = torch.randn(weight.shape, generator=generator) * scale
            moving["weight"].grad = gradient.to(memory_format=torch.channels_last)
            optimizer.step()
        found = denominators(optimizer, list(moving.values()))
        assert found is not None
        pairs.append((optimizer.state[moving["weight"]], found[0]))
    state, ours = pairs[0]
    other, exact = pairs[1]
    assert state["state2"].dtype == torch.uint8
    largest = float(other["exp_avg_sq"].max())
    torch.testing.assert_close(
        in_full(state["state2"], state), other["exp_avg_sq"], rtol=0.1, atol=0.03 * largest
    )
    assert float((ours - exact).norm() / exact.norm()) < 0.05


def test_without_bitsandbytes_it_says_what_to_do(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ValueError, match=r"expected bitsandbytes .* choose adamw_fused"):
        train(base, lopsided("adamw_8bit", "step"), data, tmp_path)
