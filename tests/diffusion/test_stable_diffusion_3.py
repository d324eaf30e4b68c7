"""What Stable Diffusion 3 alone has: three text encoders, one of them optional, joint attention."""

from __future__ import annotations

import copy
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusion3Pipeline
from diffusers.models.attention import JointTransformerBlock
from torch import nn

from pipeline.diffusion import DiffusionModel, Sampler, load_model
from pipeline.diffusion.conditions import STATES, Conditions
from pipeline.diffusion.sampling import decode, sample_latents
from pipeline.diffusion.weights import save_pipeline
from tests.diffusion.tiny.stable_diffusion_3 import sd3
from tests.diffusion.tiny.t5 import WIDTH
from tests.diffusion.tiny.tokenizers import LENGTH

TEXTS = ("a neon picture of a red sneaker", "a zebra")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return load_model(sd3(tmp_path_factory.mktemp("sd3")))


@pytest.fixture(scope="module")
def without_t5(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return load_model(sd3(tmp_path_factory.mktemp("sd3"), with_t5=False))


def test_a_prompt_is_read_by_all_three_encoders(model: DiffusionModel) -> None:
    states = model.encode_prompts(TEXTS).tensors[STATES]
    tokenizer, encoder = model.pipeline.tokenizer_3, model.pipeline.text_encoder_3
    tokens = tokenizer(list(TEXTS), padding="max_length", max_length=256, return_tensors="pt")
    torch.testing.assert_close(states[:, LENGTH:], encoder(tokens.input_ids)[0])
    clips = states[:, :LENGTH]
    assert (clips[..., :40] != 0).any(1).all()
    assert not clips[..., 40:WIDTH].any()


def test_a_model_without_a_t5_reads_prompts_by_its_clips(
    model: DiffusionModel, without_t5: DiffusionModel
) -> None:
    assert without_t5.pipeline.text_encoder_3 is None
    states = without_t5.encode_prompts(TEXTS).tensors[STATES]
    clips = model.encode_prompts(TEXTS).tensors[STATES][:, :LENGTH]
    torch.testing.assert_close(states[:, :LENGTH], clips)
    assert not states[:, LENGTH:].any()


def test_a_model_without_a_t5_is_saved_and_read_by_plain_diffusers(
    without_t5: DiffusionModel, tmp_path: Path
) -> None:
    changed = copy.deepcopy(without_t5.denoiser)
    with torch.no_grad():
        for parameter in changed.parameters():
            parameter.mul_(1.5)
    save_pipeline(without_t5.with_denoiser(changed, "changed"), tmp_path)
    plain = StableDiffusion3Pipeline.from_pretrained(
        tmp_path, text_encoder_3=None, tokenizer_3=None
    )
    plain.set_progress_bar_config(disable=True)
    theirs = plain(
        list(TEXTS),
        generator=[torch.Generator().manual_seed(seed) for seed in (1, 2)],
        num_inference_steps=3,
        guidance_scale=2.0,
        output_type="pt",
    ).images
    again = load_model(tmp_path)
    states, empty = again.encode_prompts(TEXTS), again.encode_prompts([""])
    latents = sample_latents(again, states, [1, 2], Sampler(3, 2.0, batch=2), empty=empty)
    # Ours are sampled with matrix products in bfloat16.
    difference = (decode(again, latents) / 2 + 0.5 - theirs).abs().mean()
    assert float(difference) < 0.1 * float(theirs.std())


@pytest.mark.parametrize("part", ["vae", "text_encoder_2"])
def test_no_other_part_may_be_absent(model: DiffusionModel, part: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model.folder, folder)
    shutil.rmtree(folder / part)
    path = folder / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {part: [None, None]}))
    with pytest.raises(
        ValueError, match=rf"expected weights as \.safetensors in {part}/, found none"
    ):
        load_model(folder)


def cross_attention(model: DiffusionModel, denoiser: nn.Module) -> list[nn.Parameter]:
    reads_prompt = re.compile(model.family.cross_attention)
    return [p for name, p in denoiser.named_parameters() if reads_prompt.search(name)]


def test_cross_attention_is_what_the_prompts_tokens_have_of_their_own_in_attention(
    model: DiffusionModel,
) -> None:
    """By the blocks' own parts, not by their names."""
    blocks = [part for part in model.denoiser.modules() if isinstance(part, JointTransformerBlock)]
    projections = [
        projection
        for block in blocks
        for projection in (block.attn.add_q_proj, block.attn.add_k_proj, block.attn.add_v_proj)
    ]
    expected = {id(p) for projection in projections for p in projection.parameters()}
    chosen = cross_attention(model, model.denoiser)
    assert {id(parameter) for parameter in chosen} == expected


def test_latents_learn_of_a_prompts_states_through_cross_attention_alone(
    model: DiffusionModel,
) -> None:
    """Pooled texts are held equal; they go another way."""
    conditions = model.encode_prompts(TEXTS)
    tensors = {name: t if name == STATES else t[:1] for name, t in conditions.tensors.items()}
    first, second = (Conditions(tensors | {STATES: tensors[STATES][row][None]}) for row in (0, 1))
    noisy = torch.randn(1, *model.latent_shape, generator=torch.Generator().manual_seed(0))
    times = torch.tensor([500.0])
    blind = copy.deepcopy(model.denoiser)
    for parameter in cross_attention(model, blind):
        parameter.data.zero_()
    seen = [model.predict(model.denoiser, noisy, times, told) for told in (first, second)]
    unseen = [model.predict(blind, noisy, times, told) for told in (first, second)]
    assert not torch.equal(*seen)
    torch.testing.assert_close(*unseen)


def test_our_sampler_visits_the_pipelines_own_times(model: DiffusionModel) -> None:
    model.pipeline("a bag", num_inference_steps=5, output_type="latent")
    theirs = model.pipeline.scheduler.timesteps
    torch.testing.assert_close(model.noise.sampler(5).timesteps, theirs)
