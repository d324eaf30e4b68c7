"""Training in fp16: steps whose gradients overflow are skipped and told, and nothing else is lost.

Overflows are real ones: trainings begin with a scale so large that half precision cannot hold it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pipeline.diffusion import DiffusionModel
from pipeline.unlearning import DivergedError, loss_scale, train
from pipeline.unlearning.batches import Pool, TrainingSet
from pipeline.unlearning.loss_scale import LossScale
from pipeline.unlearning.preparing import make_stepper, step_batches
from pipeline.unlearning.telemetry import read_telemetry
from pipeline.unlearning.workers import ALONE
from tests.unlearning.killing import killed_and_whole
from tests.unlearning.short_runs import experiment, folder_of, lopsided
from tests.unlearning.stepping import copy_of, flat, take_steps

TOO_LARGE = 2.0**24


def test_a_scale_is_halved_by_an_overflow_and_doubled_after_calm() -> None:
    scale = LossScale()
    start = scale.value
    assert not scale.accepts(finite=False)
    assert scale.value == start / 2
    assert all(scale.accepts(finite=True) for _ in range(1999))
    again = LossScale()
    again.restore(scale.state())
    for one in (scale, again):
        assert one.value == start / 2
        assert one.accepts(finite=True)
        assert one.value == start


def test_a_scale_of_one_blames_no_overflow() -> None:
    scale = LossScale()
    skipped = 0
    while not scale.accepts(finite=False):
        skipped += 1
    assert (scale.value, skipped) == (1.0, 16)


def forget_gradient(
    base: DiffusionModel, data: TrainingSet, precision: str, start: float | None
) -> Tensor:
    """Of one batch, (P,), with a loss scale that begins at `start`."""
    settings = lopsided("sgd", "none", precision=precision)
    objectives = make_stepper(base, settings, data, copy_of(base), ALONE).objectives
    if start is not None:
        assert objectives.scale is not None
        objectives.scale.restore(torch.tensor([start, 0.0]))
    joint, _ = step_batches(base, settings, data, 0)
    return torch.cat([tensor.flatten() for tensor in objectives.forget_gradient([joint])])


@pytest.mark.parametrize("restriction", ["none", "step"])
def test_fp16_takes_nearly_the_steps_of_float32(
    base: DiffusionModel, data: TrainingSet, restriction: str
) -> None:
    exact, rounded = (
        take_steps(base, lopsided("sgd", restriction, precision=precision), data)
        for precision in ("fp32", "fp16")
    )
    assert 0 < float((rounded.change - exact.change).norm() / exact.change.norm()) < 0.01
    assert set(rounded.values("skipped")) == {0.0}


def test_small_gradients_are_lost_without_a_scale(base: DiffusionModel, data: TrainingSet) -> None:
    """Losses are means over pictures, pixels and channels, and their gradients small."""
    exact = forget_gradient(base, data, "fp32", None)
    off = [
        float((forget_gradient(base, data, "fp16", start) - exact).norm() / exact.norm())
        for start in (1.0, 2.0**16)
    ]
    assert off[1] < 0.5 * off[0]


def test_a_gradient_that_overflows_is_taken_again(base: DiffusionModel, data: TrainingSet) -> None:
    exact = forget_gradient(base, data, "fp32", None)
    again = forget_gradient(base, data, "fp16", TOO_LARGE)
    assert float((again - exact).norm() / exact.norm()) < 0.01


def test_steps_that_overflow_are_skipped_and_told(
    base: DiffusionModel, data: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_scale, "_START", TOO_LARGE)
    settings = lopsided("adamw", "step", precision="fp16", steps=9)
    trained = copy_of(base)
    stepper = make_stepper(base, settings, data, trained, ALONE)
    before = flat(trained)
    records = []
    for number in range(1, settings.update.steps + 1):
        record = stepper.step(number, *step_batches(base, settings, data, number), watch=False)
        if record is None:
            break
        assert torch.equal(flat(trained), before)
        records.append(record)
    assert 2 <= len(records) < settings.update.steps
    assert not torch.equal(flat(trained), before)
    assert [record.values["skipped"] for record in records] == [1.0] * len(records)
    scales = [record.values["loss_scale"] for record in records]
    assert scales == [TOO_LARGE / 2**number for number in range(len(records))]
    assert all(record.values["forget_loss"] != 0 for record in records)


@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_resumed_run_goes_on_with_the_same_scale(
    base: DiffusionModel,
    data: TrainingSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_after: int,
) -> None:
    monkeypatch.setattr(loss_scale, "_START", TOO_LARGE)
    settings = lopsided(
        "adamw", "step", precision="fp16", steps=4, telemetry_every=1, checkpoint_every=1
    )
    killed, whole = killed_and_whole(base, settings, data, tmp_path, killed_after)
    told = read_telemetry(killed / "telemetry.jsonl")
    assert told == read_telemetry(whole / "telemetry.jsonl")
    assert {record.values["skipped"] for record in told} == {0.0, 1.0}


def test_a_loss_that_is_no_number_is_no_overflow(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    latents = torch.full_like(data.retain["neighbours"].latents, float("nan"))
    pool = Pool(latents, data.retain["neighbours"].conditions)
    poisoned = replace(data, retain={"neighbours": pool}, mix={"neighbours": 1.0})
    with pytest.raises(DivergedError, match="step 1: retain loss is nan"):
        train(base, experiment(precision="fp16"), poisoned, tmp_path)


def test_checkpoints_hold_a_scale_of_half_precision_alone(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    for precision in ("fp16", "fp32"):
        folder = folder_of(tmp_path, precision)
        train(base, experiment(precision=precision, steps=2), data, folder)
        state = load_file(folder / "checkpoints" / "step-000002" / "state.safetensors")
        assert ("loss_scale" in state) == (precision == "fp16")
