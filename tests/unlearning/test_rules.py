"""Every update rule trains with every kind of objective, and its telemetry tells what it saw."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.diffusion import DiffusionModel
from pipeline.unlearning import train
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.telemetry import read_telemetry
from tests.unlearning.rivals import with_everything
from tests.unlearning.short_runs import experiment, folder_of


@pytest.mark.parametrize(
    ("rule", "forget", "retain"),
    [
        ("mgda", "ascent", "denoise"),
        ("cagrad", "anchor", "distill"),
        ("upgrad", "concept_ablation", "denoise"),
        ("nash_mtl", "relabel", "distill"),
        ("imtl_g", "concept_ablation_noise", "denoise"),
        ("weighted_sum", "esd", "distill"),
    ],
)
def test_a_rule_negotiates_whatever_the_losses_are(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path, rule: str, forget: str, retain: str
) -> None:
    settings = experiment(
        {"forget": forget, "retain": retain},
        rule=rule,
        restriction="none",
        optimizer="sgd",
        momentum=0.0,
        learning_rate=1e-2,
        clip_norm=None,
        steps=2,
        warmup=1,
        telemetry_every=1,
    )
    train(base, settings, with_everything(base, data), folder_of(tmp_path, "run"))
    records = read_telemetry(tmp_path / "run" / "telemetry.jsonl")
    assert len(records) == 2
    for record in records:
        assert all(math.isfinite(value) for value in record.values.values())
        assert {"forget_loss", "retain_loss", "cosine"} <= record.values.keys()
        if rule in ("mgda", "upgrad", "nash_mtl", "imtl_g"):
            # What they promise: plain descent lowers both losses, to first order.
            assert record.values["change_forget_cosine"] < 1e-3
            assert record.values["change_retain_cosine"] < 1e-3


@pytest.mark.parametrize(
    ("rule", "seen", "unseen"),
    [("forget_only", "forget", "retain"), ("retain_only", "retain", "forget")],
)
def test_a_rule_of_one_loss_does_not_compute_the_other(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path, rule: str, seen: str, unseen: str
) -> None:
    settings = experiment(
        {"forget": "ascent", "retain": "denoise", "forget_loss_cap": 100.0},
        rule=rule,
        restriction="none",
        steps=2,
        telemetry_every=1,
    )
    train(base, settings, data, folder_of(tmp_path, "run"))
    for record in read_telemetry(tmp_path / "run" / "telemetry.jsonl"):
        assert record.values[f"{seen}_norm"] > 0
        assert record.values[f"{unseen}_norm"] == 0
        assert f"{seen}_loss" in record.values
        assert f"{unseen}_loss" not in record.values
        assert record.values["cosine"] == record.values["conflict"] == 0


def test_forgetting_only_is_the_weighted_sum_without_weight(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    only, weightless, both = (
        load_file(train(base, settings, data, folder_of(tmp_path, name)))
        for name, settings in (
            ("only", experiment(rule="forget_only", restriction="none", steps=2)),
            ("weightless", experiment(retain_weight=0.0, restriction="none", steps=2)),
            ("both", experiment(retain_weight=1.0, restriction="none", steps=2)),
        )
    )
    assert all(torch.equal(value, weightless[name]) for name, value in only.items())
    assert not all(torch.equal(value, both[name]) for name, value in only.items())
