"""Every family x what is trained x both losses: from synthesis to plain diffusers' pictures.

A cell trains on the tiny model's own pictures, is killed and resumed to the same bits, and is
saved; plain diffusers then draws the same pictures as we do, from the complete folder and, where it
can read them, from the adapters.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pipeline.config import Experiment, LoraSettings, ModelConfig
from pipeline.diffusion import DiffusionModel
from pipeline.diffusion.families import Drawing
from pipeline.diffusion.trained import read_count
from pipeline.diffusion.weights import apply_weights, changed_tensors, save_pipeline
from pipeline.unlearning import train
from pipeline.unlearning.telemetry import read_telemetry
from tests.diffusion.tiny import FAMILIES, prompts
from tests.diffusion.tiny.plain import GUIDANCE, STEPS, plain_pictures
from tests.unlearning.killing import train_until_killed
from tests.unlearning.short_runs import experiment
from tests.unlearning.stage import Stage, stage_of

STEPS_TRAINED = 3
SEEDS = (5, 6, 7)
LORA = LoraSettings(rank=2, alpha=4.0)
LOSSES = {
    "ascent": {"forget": "ascent", "retain": "denoise"},
    "anchor": {"forget": "anchor", "retain": "distill"},
}
TRAINED = {
    "full": ModelConfig(train="all"),
    "lora": ModelConfig(train="attention", lora=LORA),
    "text": ModelConfig(train="text_encoder"),
    "text-lora": ModelConfig(train="text_encoder", pattern=r"self_attn|mlp", lora=LORA),
}
TOLD_CLASSES = ("dit", "class_unet")


@pytest.fixture(scope="module", params=FAMILIES)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    name: str = request.param
    return stage_of(name, tmp_path_factory.mktemp(name))


def settings(losses: str, trained: str) -> Experiment:
    short = experiment(
        LOSSES[losses],
        steps=STEPS_TRAINED,
        forget_batch=2,
        retain_batch=2,
        telemetry_every=1,
        checkpoint_every=1,
        learning_rate=1e-2,
    )
    return short.model_copy(update={"model": TRAINED[trained]})


@torch.no_grad()
def pictures(model: DiffusionModel, family: str) -> Tensor:
    """Ours, as `plain_pictures` draws them."""
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    noise = torch.stack([torch.randn(model.latent_shape, generator=each) for each in generators])
    told, empty = model.encode_prompts(prompts(family)), model.encode_prompts([""])
    drawing = Drawing(STEPS, GUIDANCE, generators)
    empties = empty.repeat(len(SEEDS))
    latents = model.family.sample(model.pipeline, told, empties, noise, drawing)
    return (model.family.decode(model.pipeline, latents) / 2 + 0.5).clamp(0, 1)


def trained_and_resumed(stage: Stage, asked: Experiment, folder: Path) -> Path:
    """The weights of an undisturbed run, after one that was killed has come to the same bits."""
    whole = train(stage.model, asked, stage.data, folder / "whole")
    train_until_killed(stage.model, asked, stage.data, folder / "killed", STEPS_TRAINED - 1)
    watched: list[int] = []
    resumed = train(
        stage.model, asked, stage.data, folder / "killed", lambda told: watched.append(told.step)
    )
    assert watched == [STEPS_TRAINED]
    assert resumed.read_bytes() == whole.read_bytes()
    records = [read_telemetry(each.parent / "telemetry.jsonl") for each in (whole, resumed)]
    assert records[0] == records[1]
    assert [record.step for record in records[0]] == list(range(1, STEPS_TRAINED + 1))
    return whole


@pytest.mark.parametrize("losses", LOSSES)
@pytest.mark.parametrize("trained", TRAINED)
def test_a_cell(stage: Stage, trained: str, losses: str, tmp_path: Path) -> None:
    model, family = stage.model, stage.family
    asked = settings(losses, trained)
    if trained.startswith("text") and family in TOLD_CLASSES:
        with pytest.raises(ValueError, match="expected a model with a text encoder"):
            train(model, asked, stage.data, tmp_path)
        return
    before = {name: part.state_dict() for name, part in parts(model).items()}
    copies = {name: {k: v.clone() for k, v in own.items()} for name, own in before.items()}
    weights = trained_and_resumed(stage, asked, tmp_path)
    assert all(value.isfinite().all() for value in load_file(weights).values())
    for name, own in copies.items():
        assert all(torch.equal(value, before[name][key]) for key, value in own.items())

    after = apply_weights(model, weights)
    changed = changed_tensors(after, model)
    text = {key.partition(".")[0] in model.family.text_encoders for key in changed}
    assert text == {trained.startswith("text")}
    assert (after.text_fingerprint == model.text_fingerprint) != trained.startswith("text")
    count = read_count(weights.parent / "trained.json")
    assert count is not None
    if trained == "full":
        assert count.trained == count.of == sum(p.numel() for p in model.denoiser.parameters())
    if "lora" in trained:
        assert count.trained == sum(value.numel() for value in load_file(weights).values())

    ours = pictures(after, family)
    change = float((ours - pictures(model, family)).abs().max())
    assert change > 1e-3
    save_pipeline(after, tmp_path / "folder")
    theirs = plain_pictures(family, tmp_path / "folder", prompts(family), SEEDS)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    if "lora" in trained and hasattr(model.pipeline, "load_lora_weights"):
        theirs = plain_pictures(family, model.folder, prompts(family), SEEDS, weights)
        assert float((ours - theirs).abs().max()) < 0.05 * change


def parts(model: DiffusionModel) -> dict[str, torch.nn.Module]:
    """The denoiser and the text encoders that may be trained."""
    family = model.family
    return {
        name: getattr(model.pipeline, name) for name in (family.denoiser, *family.text_encoders)
    }
