"""What every family keeps: loading, prompts, prediction and sampling, against plain diffusers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    retrieve_latents,
)
from torch import Tensor

from pipeline.diffusion import DiffusionModel, Sampler, load_model
from pipeline.diffusion.families import FAMILIES, Drawing
from pipeline.diffusion.sampling import sample_latents
from tests.diffusion.tiny import prompts
from tests.diffusion.tiny.plain import GUIDANCE, STEPS, plain_pictures

SEEDS = (5, 6, 7)


def noise_of(model: DiffusionModel, generators: list[torch.Generator]) -> Tensor:
    """One latent's noise a generator: (N, C, H, W)."""
    return torch.stack([torch.randn(model.latent_shape, generator=each) for each in generators])


def test_it_loads_frozen_as_its_own_family(tiny: DiffusionModel) -> None:
    index = json.loads((tiny.folder / "model_index.json").read_text())
    assert tiny.family is FAMILIES[index["_class_name"]]
    assert type(tiny.pipeline) is tiny.family.pipeline
    for name in tiny.family.parts:
        part = getattr(tiny.pipeline, name)
        assert not part.training
        for parameter in part.parameters():
            assert parameter.dtype == torch.float32
            assert not parameter.requires_grad


def test_a_prompt_is_told_alone_as_among_others(tiny: DiffusionModel, family_name: str) -> None:
    texts = prompts(family_name)
    together = tiny.encode_prompts(texts)
    assert len(together) == len(texts)
    for row, text in enumerate(texts):
        alone = tiny.encode_prompts([text])
        assert alone.tensors.keys() == together.tensors.keys()
        for key, tensor in together[[row]].tensors.items():
            torch.testing.assert_close(alone.tensors[key], tensor)
    for row, other in ((0, 1), (0, 2), (1, 2)):
        assert any(not torch.equal(t[row], t[other]) for t in together.tensors.values())


def test_prompts_are_told_again_as_they_were(tiny: DiffusionModel, family_name: str) -> None:
    """Where text encoders are trained; what stays is taken from what was told, not made again."""
    texts = prompts(family_name)
    told = tiny.encode_prompts(texts)
    with torch.no_grad():
        again = tiny.family.retell(tiny.pipeline, texts, told)
    assert again.tensors.keys() == told.tensors.keys()
    for key, tensor in told.tensors.items():
        torch.testing.assert_close(again.tensors[key], tensor)


def test_a_prediction_depends_on_its_own_time_and_prompt(
    tiny: DiffusionModel, family_name: str
) -> None:
    conditions = tiny.encode_prompts(prompts(family_name))
    noisy = noise_of(tiny, [torch.Generator().manual_seed(seed) for seed in SEEDS])
    early, late = tiny.noise.draw_times(1000, torch.Generator().manual_seed(0)).aminmax()
    times = torch.stack([early, late, late])
    with torch.no_grad():
        predicted = tiny.predict(tiny.denoiser, noisy, times, conditions)
        later = tiny.predict(tiny.denoiser, noisy, times.flip(0), conditions)
        swapped = tiny.predict(tiny.denoiser, noisy, times, conditions[[0, 2, 1]])
        alone = tiny.predict(tiny.denoiser, noisy[1:2], times[1:2], conditions[[1]])
    assert predicted.shape == noisy.shape
    assert predicted.isfinite().all()
    changed = [(predicted - other).abs().amax((1, 2, 3)) for other in (later, swapped)]
    assert (changed[0] > 1e-4).tolist() == [True, False, True]
    assert (changed[1] > 1e-4).tolist() == [False, True, True]
    torch.testing.assert_close(alone, predicted[1:2], atol=1e-5, rtol=1e-4)


def test_it_predicts_what_its_pipeline_predicts(tiny: DiffusionModel, family_name: str) -> None:
    """By the denoiser's own outputs: the pipeline's first step, and ours at its time and noise."""
    told, empty = tiny.encode_prompts(prompts(family_name)), tiny.encode_prompts([""]).repeat(3)
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    noise = noise_of(tiny, generators)
    outputs: list[Tensor] = []
    hook = tiny.denoiser.register_forward_hook(lambda *call: outputs.append(call[2][0]))
    try:
        with torch.no_grad():
            drawing = Drawing(STEPS, 1.0, generators)
            tiny.family.sample(tiny.pipeline, told, empty, noise, drawing)
            time = tiny.pipeline.scheduler.timesteps[0]
            tiny.predict(tiny.denoiser, noise, time.expand(3), told)
    finally:
        hook.remove()
    torch.testing.assert_close(outputs[-1], outputs[0], atol=1e-5, rtol=1e-4)


def test_its_pictures_are_those_of_plain_diffusers(tiny: DiffusionModel, family_name: str) -> None:
    texts = prompts(family_name)
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    noise = noise_of(tiny, generators)
    conditions, empty = tiny.encode_prompts(texts), tiny.encode_prompts([""]).repeat(len(texts))
    drawing = Drawing(STEPS, GUIDANCE, generators)
    with torch.no_grad():
        latents = tiny.family.sample(tiny.pipeline, conditions, empty, noise, drawing)
        ours = tiny.family.decode(tiny.pipeline, latents)
    theirs = plain_pictures(family_name, tiny.folder, texts, SEEDS)
    assert theirs.std() > 0.01
    torch.testing.assert_close((ours / 2 + 0.5).clamp(0, 1), theirs, atol=1e-4, rtol=0)


def test_its_latents_are_those_of_its_own_autoencoder(tiny: DiffusionModel) -> None:
    """By diffusers' own image-to-image preparation, where pictures become latents."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand((2, 3, *tiny.picture_shape), generator=generator) * 2 - 1
    latents = tiny.encode_images(pictures)
    assert latents.shape == (2, *tiny.latent_shape)
    if "vae" not in tiny.family.parts:
        assert torch.equal(latents, pictures)
        return
    vae = tiny.pipeline.vae
    with torch.no_grad():
        mode = retrieve_latents(vae.encode(pictures), sample_mode="argmax")
        back = tiny.family.decode(tiny.pipeline, latents)
        plain = vae.decode(mode).sample
    shift = vae.config.shift_factor or 0.0
    torch.testing.assert_close(latents, (mode - shift) * vae.config.scaling_factor)
    torch.testing.assert_close(back, plain, atol=1e-4, rtol=1e-4)


def test_a_picture_does_not_depend_on_its_batch(tiny: DiffusionModel, family_name: str) -> None:
    sampler = Sampler(steps=2, guidance=GUIDANCE, batch=3)
    told, empty = tiny.encode_prompts(prompts(family_name)), tiny.encode_prompts([""])
    together = sample_latents(tiny, told, SEEDS, sampler, empty=empty)
    alone = sample_latents(tiny, told[1:2], SEEDS[1:2], sampler, empty=empty)
    assert torch.equal(together[1:2], alone)
    other_seed = sample_latents(tiny, told[1:2], [8], sampler, empty=empty)
    assert not torch.equal(alone, other_seed)


def test_an_unknown_family_is_named_with_those_there_are(tmp_path: Path) -> None:
    index = tmp_path / "model_index.json"
    index.write_text(json.dumps({"_class_name": "NoSuchPipeline"}))
    with pytest.raises(ValueError, match=r"_class_name to be one of StableDiffusionPipeline, .*No"):
        load_model(tmp_path)
