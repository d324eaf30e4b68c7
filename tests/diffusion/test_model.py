"""The embedded base through our loading, sampling and saving, against plain diffusers."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from pipeline.config import ModelConfig, embedded
from pipeline.diffusion import DiffusionModel, Sampler, Store, load_model
from pipeline.diffusion.conditions import STATES
from pipeline.diffusion.parameters import trainable
from pipeline.diffusion.sampling import decode, sample_latents
from pipeline.diffusion.synthesis import embed, synthesize
from pipeline.diffusion.weights import apply_weights, save_pipeline, save_weights

TEXTS = ("a neon style picture of a red sneaker", "a photo style picture of a blue bag", "a dress")


@pytest.fixture(scope="module")
def base() -> DiffusionModel:
    return load_model("fashion-canvas")


def test_a_picture_does_not_depend_on_its_batch(base: DiffusionModel) -> None:
    sampler = Sampler(steps=4, guidance=3.0, batch=4)
    states, empty = base.encode_prompts(TEXTS), base.encode_prompts([""])
    together = sample_latents(base, states, [5, 6, 7], sampler, empty=empty)
    alone = sample_latents(base, states[1:2], [6], sampler, empty=empty)
    assert torch.equal(together[1:2], alone)
    other_seed = sample_latents(base, states[1:2], [8], sampler, empty=empty)
    assert not torch.equal(alone, other_seed)


def test_our_pictures_are_the_plain_pipelines_pictures(base: DiffusionModel) -> None:
    folder = embedded("base", "fashion-canvas")
    plain = StableDiffusionPipeline.from_pretrained(folder)
    plain.set_progress_bar_config(disable=True)
    sampler = Sampler(steps=8, guidance=3.0, batch=3)
    states, empty = base.encode_prompts(TEXTS), base.encode_prompts([""])
    ours = decode(base, sample_latents(base, states, [1, 2, 3], sampler, empty=empty))
    theirs = plain(
        list(TEXTS),
        generator=[torch.Generator().manual_seed(seed) for seed in (1, 2, 3)],
        num_inference_steps=8,
        guidance_scale=3.0,
        output_type="pt",
    ).images
    # Ours is sampled with matrix products in bfloat16.
    assert float((ours - (theirs * 2 - 1)).abs().mean()) < 0.04


def test_a_picture_survives_encoding_and_decoding(base: DiffusionModel) -> None:
    """To the autoencoder's own PSNR, 27.5 dB on photographs, less what two pictures may vary."""
    sampler = Sampler(steps=8, guidance=3.0, batch=3)
    states, empty = base.encode_prompts(TEXTS), base.encode_prompts([""])
    pictures = decode(base, sample_latents(base, states, [1, 2, 3], sampler, empty=empty))
    back = decode(base, base.encode_images(pictures))
    error = (back - pictures).pow(2).mean()
    assert 10 * float(torch.log10(4 / error)) > 24


def test_synthesis_is_done_once(base: DiffusionModel, tmp_path: Path) -> None:
    store, sampler = Store(tmp_path), Sampler(steps=2, guidance=2.0, batch=4)
    calls: list[tuple[int, int]] = []
    first = synthesize(base, TEXTS, [0, 1, 2], sampler, store, lambda *call: calls.append(call))
    again = synthesize(base, TEXTS, [0, 1, 2], sampler, store, lambda *call: calls.append(call))
    assert torch.equal(first, again)
    assert calls == [(3, 3)]


def test_embedding_a_prompt_alone_or_among_others_is_the_same(
    base: DiffusionModel, tmp_path: Path
) -> None:
    together = embed(base, TEXTS, Store(tmp_path / "one"))
    alone = embed(base, TEXTS[2:], Store(tmp_path / "two"))
    assert torch.equal(together.tensors[STATES][2:], alone.tensors[STATES])


def test_the_same_model_is_saved_the_same_whatever_it_was_asked(tmp_path: Path) -> None:
    model = load_model("fashion-canvas")  # which nobody has asked anything yet
    save_pipeline(model, tmp_path / "before")
    model.encode_prompts(["a rather long sentence about a sneaker", ""])
    save_pipeline(model, tmp_path / "after")
    before, after = (load_model(tmp_path / name) for name in ("before", "after"))
    assert before.fingerprint == after.fingerprint


def test_changed_weights_come_back_around_an_untouched_base(
    base: DiffusionModel, tmp_path: Path
) -> None:
    changed = trainable(copy.deepcopy(base.denoiser), base.family, ModelConfig())
    with torch.no_grad():
        for parameter in changed.values():
            parameter.add_(0.25)
    path = tmp_path / "weights.safetensors"
    save_weights(changed, path, base.dtype, {"base": base.fingerprint})
    model = apply_weights(base, path)
    own, original = dict(model.denoiser.named_parameters()), dict(base.denoiser.named_parameters())
    for name, parameter in own.items():
        expected = changed[name].to(base.dtype).float() if name in changed else original[name]
        assert torch.equal(parameter, expected)
    assert model.fingerprint != base.fingerprint
    save_pipeline(model, tmp_path / "whole")
    reloaded = load_model(tmp_path / "whole")
    for name, parameter in reloaded.denoiser.named_parameters():
        assert torch.equal(parameter, own[name])


def test_weights_of_which_a_bit_has_changed_are_refused(
    base: DiffusionModel, tmp_path: Path
) -> None:
    name, value = next(iter(base.denoiser.named_parameters()))
    story = {"base": base.fingerprint}
    save_weights({name: value + 1}, tmp_path / "w.safetensors", torch.bfloat16, story)
    apply_weights(base, tmp_path / "w.safetensors")
    content = bytearray((tmp_path / "w.safetensors").read_bytes())
    content[-2] ^= 1
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="expected the numbers that were written"):
        apply_weights(base, tmp_path / "w.safetensors")


def test_weights_of_another_base_are_refused(base: DiffusionModel, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    parameters = trainable(copy.deepcopy(base.denoiser), base.family, ModelConfig())
    save_weights(parameters, path, base.dtype, {"base": "0" * 64})
    with pytest.raises(ValueError, match="made from the base 000000000000"):
        apply_weights(base, path)


@pytest.mark.parametrize("base_name", ["./nowhere", "no-such-model", "a/b/c"])
def test_a_missing_model_is_named_with_what_was_expected(base_name: str) -> None:
    with pytest.raises(ValueError, match="expected an embedded model"):
        load_model(base_name)


def test_a_folder_with_pickled_weights_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    source = embedded("base", "fashion-canvas")
    assert source is not None
    shutil.copytree(source, folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ValueError, match=r"expected weights as \.safetensors in unet/, found only"):
        load_model(folder)
