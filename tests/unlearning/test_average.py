"""The running average of what is trained: its formula, and that it is what is saved and resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.diffusion import DiffusionModel
from pipeline.unlearning import loss_scale, train
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.preparing import make_stepper, step_batches
from pipeline.unlearning.workers import ALONE
from tests.unlearning.killing import killed_and_whole
from tests.unlearning.short_runs import experiment, folder_of, lopsided
from tests.unlearning.stepping import copy_of, flat

DECAY = 0.3


def averages(base: DiffusionModel, data: TrainingSet, steps: int) -> tuple[torch.Tensor, ...]:
    """The average after some steps, and what it should be, both (P,)."""
    settings = lopsided("adamw", "step", ema_decay=DECAY)
    trained = copy_of(base)
    stepper = make_stepper(base, settings, data, trained, ALONE)
    assert stepper.average is not None
    expected = flat(trained)
    for done in range(steps):
        stepper.step(done + 1, *step_batches(base, settings, data, done), watch=False)
        decay = 0.0 if done == 0 else min(DECAY, (1 + done) / (10 + done))
        expected = decay * expected + (1 - decay) * flat(trained)
    return torch.cat([p.double().flatten() for p in stepper.average.shadow_params]), expected


def test_it_forgets_by_a_decay_that_rises_to_its_value(
    base: DiffusionModel, data: TrainingSet
) -> None:
    average, expected = averages(base, data, steps=5)
    torch.testing.assert_close(average, expected, rtol=1e-6, atol=1e-7)


def test_it_is_what_is_saved_and_steps_do_not_see_it(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    states, weights = {}, {}
    for name, decay in (("plain", None), ("averaged", 0.9)):
        settings = experiment(ema_decay=decay)
        path = train(base, settings, data, folder_of(tmp_path, name))
        weights[name] = load_file(path)
        states[name] = load_file(
            tmp_path / name / "checkpoints" / "step-000006" / "state.safetensors"
        )
    for key, value in weights["averaged"].items():
        assert torch.equal(states["averaged"][f"average/{key}"].to(value.dtype), value)
        assert torch.equal(states["averaged"][f"weights/{key}"], states["plain"][f"weights/{key}"])
    assert any(not torch.equal(weights["plain"][key], v) for key, v in weights["averaged"].items())


@pytest.mark.parametrize("killed_after", [1, 4])
def test_a_killed_and_resumed_run_ends_with_the_same_bits(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path, killed_after: int
) -> None:
    settings = experiment(ema_decay=0.9, restriction="step", telemetry_every=1)
    killed, whole = killed_and_whole(base, settings, data, tmp_path, killed_after)
    last = Path("checkpoints", "step-000006", "state.safetensors")
    assert (killed / last).read_bytes() == (whole / last).read_bytes()


def test_skipped_steps_do_not_count(
    base: DiffusionModel, data: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_scale, "_START", 2.0**40)
    settings = lopsided("sgd", "none", precision="fp16", ema_decay=0.9)
    trained = copy_of(base)
    stepper = make_stepper(base, settings, data, trained, ALONE)
    record = stepper.step(1, *step_batches(base, settings, data, 0), watch=False)
    assert record is not None
    assert record.values["skipped"] == 1
    assert stepper.average is not None
    assert stepper.average.optimization_step == 0
