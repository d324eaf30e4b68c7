"""A training changes what it should, resumes to the bit, and refuses to go on from NaN."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.diffusion import DiffusionModel
from pipeline.unlearning import DivergedError, train
from pipeline.unlearning.batches import Pool, TrainingSet
from pipeline.unlearning.telemetry import read_telemetry
from tests.unlearning.killing import killed_and_whole, train_until_killed
from tests.unlearning.short_runs import experiment, folder_of

RESUMED: list[tuple[int, dict[str, object]]] = [
    (1, {}),
    (2, {"precision": "bf16"}),
    (4, {}),
    (5, {"precision": "bf16"}),
    (5, {"restriction": "step", "retain_weight": 0.1}),
    (5, {"restriction": "step", "monotone": True, "steps": 7}),
    (3, {"saliency": 0.3, "weight_decay": 0.1, "optimizer": "sgd"}),
]


@pytest.mark.parametrize(("killed_after", "update"), RESUMED)
def test_a_killed_and_resumed_run_ends_with_the_same_bits(
    base: DiffusionModel,
    data: TrainingSet,
    tmp_path: Path,
    killed_after: int,
    update: dict[str, object],
) -> None:
    settings = experiment(None, **{"telemetry_every": 1, **update})
    killed, whole = killed_and_whole(base, settings, data, tmp_path, killed_after)
    told = [read_telemetry(each / "telemetry.jsonl") for each in (killed, whole)]
    assert told[0] == told[1]


def test_the_same_seed_gives_the_same_run_and_another_seed_another(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    runs = []
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        settings = experiment().model_copy(update={"seed": seed})
        runs.append(train(base, settings, data, folder_of(tmp_path, name)).read_bytes())
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_recomputed_activations_train_to_the_same_bits(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path, precision: str
) -> None:
    plain, again = (
        train(
            base,
            experiment(precision=precision, gradient_checkpointing=on, steps=2),
            data,
            folder_of(tmp_path, f"recomputing-{on}"),
        )
        for on in (False, True)
    )
    ours, theirs = load_file(plain), load_file(again)
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_only_cross_attention_changes_and_the_base_not_at_all(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    before = {name: value.clone() for name, value in base.denoiser.state_dict().items()}
    weights = load_file(train(base, experiment(), data, folder_of(tmp_path, "run")))
    assert all(".attn2." in name for name in weights)
    assert any(not torch.equal(value.float(), before[name]) for name, value in weights.items())
    for name, value in base.denoiser.state_dict().items():
        assert torch.equal(value, before[name])


def test_ascent_raises_the_forget_loss_and_the_cap_switches_it_off(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    free = experiment(steps=12, warmup=1)
    train(base, free, data, folder_of(tmp_path, "free"))
    records = read_telemetry(tmp_path / "free" / "telemetry.jsonl")
    assert records[-1].values["forget_loss"] < records[0].values["forget_loss"]
    assert all(record.values["forget_active"] == 1 for record in records)
    losses = free.losses.model_copy(update={"forget_loss_cap": 1e-6})
    capped = free.model_copy(update={"losses": losses})
    train(base, capped, data, folder_of(tmp_path, "capped"))
    records = read_telemetry(tmp_path / "capped" / "telemetry.jsonl")
    assert all(record.values["forget_active"] == 0 for record in records)


def test_the_first_change_goes_against_both_gradients_under_plain_settings(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    train(base, experiment(steps=1, warmup=1), data, folder_of(tmp_path, "run"))
    values = read_telemetry(tmp_path / "run" / "telemetry.jsonl")[0].values
    assert values["change_forget_cosine"] < 0 or values["change_retain_cosine"] < 0
    assert -1 <= values["cosine"] <= 1


def test_nan_stops_the_run_and_names_the_step(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    broken = data.retain["neighbours"].latents.clone()
    broken[:] = float("nan")
    pool = Pool(broken, data.retain["neighbours"].conditions)
    poisoned = replace(data, retain={"neighbours": pool}, mix={"neighbours": 1.0})
    folder = folder_of(tmp_path, "run")
    with pytest.raises(DivergedError, match="step 1: retain loss is nan"):
        train(base, experiment(), poisoned, folder)
    assert not (folder / "weights.safetensors").exists()


def test_a_damaged_checkpoint_is_passed_over(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    whole = train(base, experiment(), data, folder_of(tmp_path, "whole")).read_bytes()
    folder = tmp_path / "whole"
    state = max((folder / "checkpoints").glob("step-*")) / "state.safetensors"
    content = bytearray(state.read_bytes())
    content[-5] ^= 1
    state.write_bytes(content)
    assert train(base, experiment(), data, folder).read_bytes() == whole
    assert read_telemetry(folder / "telemetry.jsonl")[-1].step == 6


def test_a_checkpoint_of_other_settings_is_not_resumed(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, "run")
    train(base, experiment(learning_rate=1e-4), data, folder)
    other = train(base, experiment(), data, folder).read_bytes()
    assert other == train(base, experiment(), data, folder_of(tmp_path, "fresh")).read_bytes()


def test_checkpoints_of_other_settings_do_not_crowd_out_new_ones(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, "run")
    train(base, experiment(learning_rate=1e-4), data, folder)

    train_until_killed(base, experiment(), data, folder, 4)
    steps: list[int] = []
    train(base, experiment(), data, folder, lambda record: steps.append(record.step))
    assert steps == [6]
