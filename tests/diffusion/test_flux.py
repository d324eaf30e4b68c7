"""What FLUX.1 alone has: packed latents, and a guidance number in place of an empty prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderTiny, FluxPipeline
from torch import Tensor

from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.conditions import Conditions
from pipeline.diffusion.families import Drawing
from pipeline.diffusion.families.flux import pack, unpack
from tests.diffusion.tiny.flux import flux

TEXTS = ("a neon picture of a red sneaker", "a zebra")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return load_model(flux(tmp_path_factory.mktemp("flux")))


@pytest.fixture(scope="module")
def schnell(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return load_model(flux(tmp_path_factory.mktemp("flux"), guidance_embeds=False))


@pytest.fixture(params=["dev", "schnell"])
def model(request: pytest.FixtureRequest) -> DiffusionModel:
    found: DiffusionModel = request.getfixturevalue(request.param)
    return found


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_packing_is_the_pipelines_and_comes_back() -> None:
    latents = drawn(2, 16, 6, 8)
    tokens = pack(latents)
    assert torch.equal(tokens, FluxPipeline._pack_latents(latents, 2, 16, 6, 8))
    assert torch.equal(unpack(tokens, 6, 8), latents)


def test_we_predict_what_the_pipeline_predicts_with_that_guidance(model: DiffusionModel) -> None:
    """Every call of the transformer while the plain pipeline samples, made again by us."""
    calls: list[tuple[dict[str, Any], Tensor]] = []
    hook = model.denoiser.register_forward_hook(
        lambda _, __, told, out: calls.append((told, out[0])), with_kwargs=True
    )
    _, height, width = model.latent_shape
    scale = model.pipeline.vae_scale_factor
    model.pipeline(
        list(TEXTS),
        height=height * scale,
        width=width * scale,
        num_inference_steps=3,
        guidance_scale=1.0,
        output_type="latent",
    )
    hook.remove()
    conditions = model.encode_prompts(TEXTS)
    assert len(calls) == 3
    for (told, theirs), time in zip(calls, model.pipeline.scheduler.timesteps, strict=True):
        noisy = unpack(told["hidden_states"], height, width)
        with torch.no_grad():
            ours = model.predict(model.denoiser, noisy, time.expand(2), conditions)
        torch.testing.assert_close(ours, unpack(theirs, height, width))


def sampled(model: DiffusionModel, conditions: Conditions, guidance: float) -> Tensor:
    drawing = Drawing(2, guidance, [torch.Generator()] * len(conditions))
    noise, empty = drawn(len(conditions), *model.latent_shape), model.encode_prompts(["", ""])
    with torch.no_grad():
        return model.family.sample(model.pipeline, conditions, empty, noise, drawing)


def test_a_sampled_picture_depends_on_guidance_where_the_model_was_distilled(
    dev: DiffusionModel, schnell: DiffusionModel
) -> None:
    for model, differs in ((dev, True), (schnell, False)):
        conditions = model.encode_prompts(TEXTS)
        one, many = (sampled(model, conditions, guidance) for guidance in (1.0, 3.5))
        assert torch.equal(one, many) != differs


def test_training_is_told_no_guidance(dev: DiffusionModel, schnell: DiffusionModel) -> None:
    conditions = dev.encode_prompts(TEXTS)
    assert torch.equal(conditions.tensors["guidance"], torch.ones(2))
    assert "guidance" not in schnell.encode_prompts(TEXTS).tensors
    noisy, times = drawn(2, *dev.latent_shape), torch.tensor([300.0, 800.0])
    guided = Conditions({**conditions.tensors, "guidance": torch.full((2,), 3.5)})
    plain, other = (dev.predict(dev.denoiser, noisy, times, told) for told in (conditions, guided))
    assert not torch.equal(plain, other)


def test_no_pass_is_spent_on_the_empty_prompt(model: DiffusionModel) -> None:
    calls: list[int] = []
    hook = model.denoiser.register_forward_pre_hook(
        lambda _, __, told: calls.append(len(told["hidden_states"])), with_kwargs=True
    )
    sampled(model, model.encode_prompts(TEXTS), 3.5)
    hook.remove()
    assert calls == [2, 2]


def test_the_steps_shift_with_a_pictures_size_as_in_the_pipeline(dev: DiffusionModel) -> None:
    """By the middle of the way: the pipeline's second step of two, ours of three."""
    sampled(dev, dev.encode_prompts(TEXTS), 1.0)
    theirs, ours = dev.pipeline.scheduler.sigmas[1], dev.noise.sampler(3).sigmas[1]
    assert float(theirs) == pytest.approx(float(ours), abs=1e-3)
    assert float(theirs) > 0.6


def test_an_autoencoder_without_a_size_leaves_it_to_the_pipeline(
    dev: DiffusionModel, tmp_path: Path
) -> None:
    widths = {"encoder_block_out_channels": (8,) * 2, "decoder_block_out_channels": (8,) * 2}
    blocks = {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
    parts = dev.pipeline.components
    parts["vae"] = AutoencoderTiny(latent_channels=16, **widths, **blocks)
    FluxPipeline(**parts).save_pretrained(tmp_path, safe_serialization=True)
    assert load_model(tmp_path).latent_shape == (16, 128, 128)
