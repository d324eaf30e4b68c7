"""Trials that edit the embedded base in closed form, from file to verdict."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from pipeline.config import SearchSpace, dump_experiment, parse_space
from pipeline.diffusion import DiffusionModel, Sampler, Store
from pipeline.diffusion.sampling import sample_latents
from pipeline.diffusion.synthesis import embed
from pipeline.diffusion.weights import apply_weights
from pipeline.prompts import build_prompt_set
from pipeline.search.files import write_json
from pipeline.search.preparation import prepare
from pipeline.search.trial import run_trial
from pipeline.unlearning.uce import edit, edited_projection
from tests.unlearning.rivals import states


def space(**closed_form: Any) -> SearchSpace:
    return parse_space(
        {
            "name": "uce",
            "concept": {"kind": "object", "forget": ["sneaker"]},
            "prompts": {"train": 24, "test": 16},
            "closed_form": closed_form,
            "evaluation": {"steps": 6, "gallery": 2, "batch": 16},
        }
    )


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trial that edited and was judged; the store lies beside it."""
    folder = tmp_path_factory.mktemp("uce") / "trial"
    folder.mkdir()
    experiment = space(ridge=0.01, preserve_weight=1.0).fixed()
    (folder / "experiment.yaml").write_text(dump_experiment(experiment))
    outcome = run_trial(folder, Store(folder.parent / "store"), time.time())
    assert outcome.reason is None
    return folder


def test_a_trial_edits_keys_and_values_alone(trial: Path, base: DiffusionModel) -> None:
    weights = load_file(trial / "weights.safetensors")
    own = {
        name
        for name, _ in base.denoiser.named_parameters()
        if ".attn2.to_k." in name or ".attn2.to_v." in name
    }
    assert weights.keys() == own
    assert len(own) > 2
    assert all(value.dtype == base.dtype for value in weights.values())
    assert all(
        not torch.equal(value.float(), base.denoiser.get_parameter(name))
        for name, value in weights.items()
    )


def test_a_trial_without_training_ends_like_any_other(trial: Path) -> None:
    assert not (trial / "telemetry.jsonl").exists()
    assert not (trial / "checkpoints").exists()
    assert (trial / "gallery.png").is_file()
    assert {"load", "training", "judging"} <= json.loads((trial / "timing.json").read_text()).keys()
    metrics = json.loads((trial / "report.json").read_text())["metrics"]
    assert {"erasure", "alignment", "ua"} <= metrics.keys()


def test_pictures_of_the_concept_change_more_than_retained_ones(
    trial: Path, base: DiffusionModel
) -> None:
    settings = space().fixed()
    prompts = build_prompt_set(settings.concept, settings.prompts)
    edited = apply_weights(base, trial / "weights.safetensors")
    store = Store(trial.parent / "store")
    forget = [prompt.text for prompt in prompts.forget_test][:4]
    retain = [prompt.text for prompt in prompts.retain_test][:12]
    states = embed(base, [*forget, *retain], store)
    empty = embed(base, [""], store)
    before, after = (
        sample_latents(model, states, range(16), Sampler(6, 2.5, 16), empty=empty)
        for model in (base, edited)
    )
    change = (after - before).square().mean((1, 2, 3))
    assert float(change[:4].mean()) > 2 * float(change[4:].mean())
    assert float(change[:4].min()) > float(change[4:].median())


def test_the_source_anchor_keeps_the_anchors(base: DiffusionModel, tmp_path: Path) -> None:
    """With the anchors alone kept, the edit is that of `edited_projection` on them."""
    tree = space(ridge=0.05).tree
    tree["prompts"] |= {"train": 4, "retain_mix": {"anchor": 1.0}}
    settings = parse_space(tree).fixed()
    assert settings.closed_form is not None
    prompts = build_prompt_set(settings.concept, settings.prompts)
    store = Store(tmp_path / "store")
    weights = load_file(edit(base, settings.closed_form, prompts, store, tmp_path / "run"))
    name = next(iter(weights))
    concepts = embed(base, [prompt.text for prompt in prompts.forget_train], store)
    anchors = embed(base, [str(prompt.anchor) for prompt in prompts.forget_train], store)
    own = base.denoiser.get_parameter(name)
    wanted, onto = states(concepts), states(anchors)
    expected = edited_projection(own, wanted, onto, onto, settings.closed_form)
    assert torch.equal(weights[name], expected.to(base.dtype))


def test_a_sweep_of_edits_prepares_no_pictures_to_train_on(
    base: DiffusionModel, tmp_path: Path
) -> None:
    tree = space(ridge={"log_uniform": [1e-3, 1.0]}).tree
    tree["evaluation"] |= {"steps": 1}
    write_json(tmp_path / "sweep.json", {"name": "uce", "base": base.fingerprint})
    prepare(parse_space(tree), tmp_path, Store(tmp_path / "cache"))
    assert json.loads((tmp_path / "base.json").read_text())["metrics"]["alignment"] > 0
    assert json.loads((tmp_path / "preparation.json").read_text())["part"].startswith("judging")
    made = []
    for path in (tmp_path / "cache").rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            made.append(json.loads(file.metadata()["key"])["what"])
    assert made.count("picture") == tree["prompts"]["test"]
