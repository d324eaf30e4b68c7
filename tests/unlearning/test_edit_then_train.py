"""A training that begins at a closed-form edit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pipeline.config import ConfigError, dump_experiment, parse_space
from pipeline.diffusion import DiffusionModel, Store
from pipeline.diffusion.weights import apply_weights
from pipeline.prompts import build_prompt_set
from pipeline.search.trial import run_trial
from pipeline.unlearning.telemetry import read_telemetry
from pipeline.unlearning.uce import edit

EDIT = {"preserve_weight": 1.0, "ridge": 0.01}


def trial(folder: Path, store: Store, **settings: Any) -> Path:
    """The weights of a judged trial of a few steps."""
    experiment = parse_space(
        {
            "name": "edit",
            "concept": {"kind": "object", "forget": ["sneaker"]},
            "prompts": {"train": 8, "test": 16},
            "synthesis": {"steps": 2},
            "losses": {"forget": "anchor", "retain": "distill"},
            "update": {
                "steps": 3,
                "forget_batch": 4,
                "retain_batch": 4,
                "telemetry_every": 1,
                "precision": "fp32",
                "learning_rate": 1e-6,
                "warmup": 0,
            },
            "evaluation": {"steps": 2, "gallery": 0, "batch": 16},
            **settings,
        }
    ).fixed()
    folder.mkdir()
    (folder / "experiment.yaml").write_text(dump_experiment(experiment))
    outcome = run_trial(folder, store, time.time())
    assert outcome.reason is None
    return folder / "weights.safetensors"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


def test_it_begins_where_the_edit_ends(base: DiffusionModel, store: Store, tmp_path: Path) -> None:
    alone = trial(tmp_path / "alone", store, closed_form=EDIT)
    trained = trial(tmp_path / "trained", store, closed_form={**EDIT, "then_train": True})
    plain = trial(tmp_path / "plain", store)
    losses = [
        read_telemetry(path.parent / "telemetry.jsonl")[0].values["forget_loss"]
        for path in (trained, plain)
    ]
    # Before its first step the edited model predicts nearly what the anchor's prompt asks for.
    assert losses[0] < 0.3 * losses[1]
    edited = load_file(alone)
    found = load_file(trained)
    # Keys and values moved by three tiny steps, which is far less than the edit moved them.
    for name, value in edited.items():
        own = base.denoiser.get_parameter(name)
        steps = float((found[name].float() - value.float()).norm())
        assert steps < 0.2 * float((value.float() - own).norm())
    moved = [name for name in edited if not torch.equal(found[name], edited[name])]
    assert moved or set(found) > set(edited)


def test_what_the_training_does_not_touch_stays_edited(
    base: DiffusionModel, store: Store, tmp_path: Path
) -> None:
    weights = trial(
        tmp_path / "run",
        store,
        closed_form={**EDIT, "then_train": True},
        model={"train": "without_cross_attention"},
    )
    experiment = parse_space(
        {
            "name": "edit",
            "concept": {"kind": "object", "forget": ["sneaker"]},
            "prompts": {"train": 8, "test": 16},
            "closed_form": EDIT,
        }
    ).fixed()
    assert experiment.closed_form is not None
    prompts = build_prompt_set(experiment.concept, experiment.prompts)
    path = edit(base, experiment.closed_form, prompts, store, tmp_path / "edit")
    expected, found = load_file(path), load_file(weights)
    assert expected.keys() < found.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    whole = dict(apply_weights(base, weights).denoiser.named_parameters())
    assert all(torch.equal(whole[name], value.float()) for name, value in expected.items())


def test_a_resumed_training_begins_at_the_edit_too(store: Store, tmp_path: Path) -> None:
    settings = {"closed_form": {**EDIT, "then_train": True}}
    whole = trial(tmp_path / "whole", store, **settings)
    again = tmp_path / "again"
    trial(again, store, **settings)
    # As after a kill between the last checkpoint and the end.
    for name in ("report.json", "weights.safetensors"):
        (again / name).unlink()
    assert run_trial(again, store, time.time()).reason is None
    assert (again / "weights.safetensors").read_bytes() == whole.read_bytes()


def test_adapters_cannot_begin_at_an_edit() -> None:
    settings = {
        "name": "edit",
        "concept": {"kind": "object", "forget": ["sneaker"]},
        "closed_form": {"then_train": True},
        "model": {"lora": {"rank": 4}},
    }
    with pytest.raises(ConfigError, match=r"model\.lora: expected nothing, as closed_form edits"):
        parse_space(settings)
