"""Models of classes, against plain diffusers: their names, their null class, their pictures."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiffusionPipeline,
    DiTPipeline,
    DPMSolverMultistepScheduler,
    UNet2DModel,
)
from torch import Tensor

from pipeline.diffusion import DiffusionModel, Sampler, load_model
from pipeline.diffusion.families import FAMILIES, Drawing
from pipeline.diffusion.families.class_conditional import LABELS
from pipeline.diffusion.sampling import decode, sample_latents
from pipeline.diffusion.weights import save_pipeline
from pipeline.prompts.fashion import OBJECTS
from tests.diffusion.tiny import build
from tests.diffusion.tiny.class_unet import class_unet
from tests.diffusion.tiny.dit import IMAGENET, dit

TEXTS = ("sneaker", "bag", "ankle boot")
SEEDS = (5, 6, 7)
BOTH = pytest.mark.parametrize("name", ["dit", "class_unet"])


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in SEEDS]


@torch.no_grad()
def drawn(model: DiffusionModel, texts: Sequence[str], steps: int, guidance: float) -> Tensor:
    """Latents in float32; `sample_latents` has matrix products in bfloat16."""
    own = generators()
    noise = torch.stack([torch.randn(model.latent_shape, generator=each) for each in own])
    empty = model.encode_prompts([""]).repeat(len(texts))
    drawing = Drawing(steps, guidance, own)
    conditions = model.encode_prompts(texts)
    return model.family.sample(model.pipeline, conditions, empty, noise, drawing)


def as_shown(model: DiffusionModel, latents: Tensor) -> Tensor:
    return decode(model, latents) / 2 + 0.5


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("scheduler", [DDIMScheduler, DPMSolverMultistepScheduler])
def test_our_pictures_are_the_dit_pipelines_pictures(
    tmp_path: Path, scheduler: type[Any], guidance: float
) -> None:
    model = load_model(dit(tmp_path))
    model.pipeline.scheduler = scheduler.from_config(model.pipeline.scheduler.config)
    plain = DiTPipeline.from_pretrained(tmp_path)
    plain.scheduler = scheduler.from_config(plain.scheduler.config)
    plain.set_progress_bar_config(disable=True)
    theirs = plain(
        plain.get_label_ids(list(TEXTS)), guidance, generators(), 6, output_type="pt"
    ).images
    ours = as_shown(model, drawn(model, TEXTS, 6, guidance))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("pipeline", [DDPMPipeline, DDIMPipeline])
def test_our_pictures_are_the_unets_pipelines_pictures(
    tmp_path: Path, pipeline: type[DiffusionPipeline]
) -> None:
    """Whose call tells no class, so that a hook does."""
    model = load_model(class_unet(tmp_path, pipeline=pipeline))
    labels = model.encode_prompts(TEXTS).tensors[LABELS]
    plain = pipeline.from_pretrained(tmp_path)
    plain.set_progress_bar_config(disable=True)
    plain.unet.register_forward_pre_hook(
        lambda _module, given, named: (given, {**named, "class_labels": labels}), with_kwargs=True
    )
    theirs = plain(
        len(TEXTS), generator=generators(), num_inference_steps=6, output_type="pt"
    ).images
    ours = as_shown(model, drawn(model, TEXTS, 6, guidance=1.0))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@BOTH
def test_guidance_leads_from_the_null_class_through_the_class(name: str, tmp_path: Path) -> None:
    """One step of DDIM is affine in the prediction, and so in guidance."""
    model = load_model(dit(tmp_path, classes=8) if name == "dit" else build(name, tmp_path))
    config = model.pipeline.scheduler.config
    model.pipeline.scheduler = DDIMScheduler.from_config(config, clip_sample=False)
    assert model.encode_prompts([""]).tensors[LABELS].tolist() == [8]
    of_class, of_none = drawn(model, TEXTS, 1, 1.0), drawn(model, [""] * 3, 1, 1.0)
    expected = of_none + 3.0 * (of_class - of_none)
    assert not torch.allclose(of_class, of_none, rtol=0.01)
    torch.testing.assert_close(drawn(model, TEXTS, 1, 3.0), expected, atol=1e-3, rtol=1e-4)


@BOTH
def test_names_become_labels(name: str, tmp_path: Path) -> None:
    model = load_model(build(name, tmp_path))
    labels = model.encode_prompts([*OBJECTS, ""]).tensors[LABELS]
    null = IMAGENET if name == "dit" else len(OBJECTS)
    assert labels.tolist() == [*range(len(OBJECTS)), null]
    assert labels.dtype == torch.int64


@BOTH
def test_an_unknown_name_gets_the_nearest_and_all_others(name: str, tmp_path: Path) -> None:
    model = load_model(build(name, tmp_path))
    with pytest.raises(ValueError, match=r"'sneker'.*did you mean sneaker\? known: t-shirt, tr"):
        model.encode_prompts(["bag", "sneker"])
    with pytest.raises(ValueError, match=r"one of its 8; known: t-shirt, .*, ankle boot$"):
        model.encode_prompts(["a photo of a zebra on the moon"])


def test_a_class_can_have_several_names(tmp_path: Path) -> None:
    rename(dit(tmp_path) / "model_index.json", {"0": "tench, Tinca tinca,", "1": "goldfish"})
    model = load_model(tmp_path)
    texts = ["Tinca tinca", "goldfish", "tench", ""]
    assert model.encode_prompts(texts).tensors[LABELS].tolist() == [0, 1, 0, IMAGENET]


def test_predicted_variance_is_left_out(tmp_path: Path) -> None:
    model = load_model(dit(tmp_path))
    noisy, times = torch.randn(3, *model.latent_shape, generator=generators()[0]), torch.arange(3)
    conditions = model.encode_prompts(TEXTS)
    whole = model.denoiser(noisy, times, class_labels=conditions.tensors[LABELS]).sample
    assert whole.shape[1] == 2 * noisy.shape[1]
    ours = model.predict(model.denoiser, noisy, times, conditions)
    assert torch.equal(ours, whole[:, : noisy.shape[1]])


@BOTH
def test_a_copy_to_train_drops_no_labels(name: str, tmp_path: Path) -> None:
    """Diffusers' label embedding drops a tenth of them, by the global generator, while it trains.

    Of 64 rows it would drop some, 999 times in 1000.
    """
    model = load_model(build(name, tmp_path))
    denoiser = copy.deepcopy(model.denoiser)
    noisy = torch.randn(64, *model.latent_shape, generator=generators()[0])
    conditions = model.encode_prompts(OBJECTS * 8)
    first, again = (
        model.predict(denoiser, noisy, torch.full((64,), 500), conditions) for _ in range(2)
    )
    assert torch.equal(first, again)


def test_without_a_null_class_there_is_no_guidance(tmp_path: Path) -> None:
    model = load_model(class_unet(tmp_path, null_class=False))
    conditions, empty = model.encode_prompts(TEXTS), model.encode_prompts([""])
    sampler = Sampler(steps=2, guidance=1.0, batch=3)
    latents = sample_latents(model, conditions, SEEDS, sampler, empty=empty)
    assert latents.shape == (3, 3, 16, 16)
    guided = Sampler(steps=2, guidance=2.5, batch=3)
    with pytest.raises(ValueError, match=r"guidance: expected 1, got 2\.5.*no null class"):
        sample_latents(model, conditions, SEEDS, guided, empty=empty)
    with pytest.raises(ValueError, match="expected a class in every row, got the empty prompt"):
        model.predict(model.denoiser, latents[:1], torch.tensor([3]), empty)


@BOTH
def test_names_stay_with_the_model(name: str, tmp_path: Path) -> None:
    base = load_model(build(name, tmp_path / "base"))
    changed = base.with_denoiser(copy.deepcopy(base.denoiser), "0" * 64)
    save_pipeline(changed, tmp_path / "whole")
    reloaded = load_model(tmp_path / "whole")
    for model in (changed, reloaded):
        assert model.encode_prompts(["ankle boot"]).tensors[LABELS].tolist() == [7]
    if name == "dit":
        plain = DiTPipeline.from_pretrained(tmp_path / "whole")
        assert plain.get_label_ids(["ankle boot", "bag"]) == [7, 6]


@pytest.mark.parametrize(
    ("name", "file"), [("dit", "model_index.json"), ("class_unet", "unet/config.json")]
)
def test_names_are_part_of_the_fingerprint(name: str, file: str, tmp_path: Path) -> None:
    before = load_model(build(name, tmp_path)).fingerprint
    assert load_model(build(name, tmp_path)).fingerprint == before
    swapped = {str(label): text for label, text in enumerate(reversed(OBJECTS))}
    rename(tmp_path / file, swapped)
    assert load_model(tmp_path).fingerprint != before


def test_the_fingerprint_of_a_model_of_sentences_stays() -> None:
    """Its pictures in everybody's stores are found by it."""
    assert load_model("fashion-canvas").fingerprint.startswith("96fb216b8270")


def test_a_dit_needs_names_of_its_classes(tmp_path: Path) -> None:
    index = dit(tmp_path, classes=8) / "model_index.json"
    rename(index, {"0": "sneaker", "8": "bag"})
    with pytest.raises(ValueError, match=r"labels from 0 to 7 in id2label.*got 8 for 'bag'"):
        load_model(tmp_path)
    rename(index, None)
    with pytest.raises(ValueError, match="expected the names of the classes as"):
        load_model(tmp_path)


@pytest.mark.parametrize("names", [None, {"0": "sneaker"}, {"1": "sneaker", "2": "bag"}])
def test_a_unet_needs_names_of_all_classes(tmp_path: Path, names: dict[str, str] | None) -> None:
    rename(class_unet(tmp_path) / "unet" / "config.json", names)
    with pytest.raises(ValueError, match=r"expected the names of all classes as.*got labels"):
        load_model(tmp_path)


def test_an_unconditional_unet_is_refused(tmp_path: Path) -> None:
    blocks = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
    unet = UNet2DModel(16, block_out_channels=(8,), norm_num_groups=4, **blocks)
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"expected num_class_embeds.*no concept to forget"):
        load_model(tmp_path)


def test_gray_pictures_are_shown_in_three_channels() -> None:
    gray = torch.rand(2, 1, 4, 4, generator=generators()[0])
    shown = FAMILIES["DDPMPipeline"].decode(DDPMPipeline, gray)
    assert torch.equal(shown, torch.cat([gray] * 3, dim=1))


def rename(path: Path, names: dict[str, str] | None) -> None:
    config = json.loads(path.read_text())
    config.pop("id2label", None)
    config |= {} if names is None else {"id2label": names}
    path.write_text(json.dumps(config))
