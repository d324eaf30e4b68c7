"""Pictures of different guidance scales in one call are those of each scale alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.diffusion import DiffusionModel, Sampler, Store, load_model
from pipeline.diffusion.sampling import sample_latents
from pipeline.diffusion.synthesis import synthesize
from tests.diffusion.tiny import build

TEXTS = ["a red sneaker", "a bag", "a dress", "a green boot", "a coat"]
SEEDS = [3_706_897_150, 1, 2, 3, 4]
SCALES = [7.5, 1.0, 7.5, 3.0, 7.5]
SAMPLER = Sampler(steps=2, guidance=3.0, batch=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return load_model(build("sd1", tmp_path_factory.mktemp("tiny")))


def test_each_picture_has_its_own_guidance(model: DiffusionModel) -> None:
    conditions, empty = model.encode_prompts(TEXTS), model.encode_prompts([""])
    told: list[int] = []
    found = sample_latents(
        model,
        conditions,
        SEEDS,
        SAMPLER,
        empty=empty,
        progress=lambda done, _: told.append(done),
        guidances=SCALES,
    )
    for row, scale in enumerate(SCALES):
        alone = sample_latents(
            model, conditions[[row]], [SEEDS[row]], Sampler(2, scale, 2), empty=empty
        )
        assert torch.equal(found[row], alone[0])
    assert told == [2, 3, 4, 5]
    assert not torch.equal(
        found[3], sample_latents(model, conditions, SEEDS, Sampler(2, 7.5, 2), empty=empty)[3]
    )


def test_without_one_of_its_own_nothing_changes(model: DiffusionModel) -> None:
    conditions, empty = model.encode_prompts(TEXTS), model.encode_prompts([""])
    usual = sample_latents(model, conditions, SEEDS, SAMPLER, empty=empty)
    same = sample_latents(model, conditions, SEEDS, SAMPLER, empty=empty, guidances=[3.0] * 5)
    assert torch.equal(usual, same)


def test_synthesis_keeps_scales_apart_and_shares_what_is_the_same(
    model: DiffusionModel, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    usual = synthesize(model, TEXTS, SEEDS, SAMPLER, store)
    made: list[int] = []
    own = synthesize(
        model, TEXTS, SEEDS, SAMPLER, store, lambda _, missing: made.append(missing), SCALES
    )
    assert made[-1] == 4  # the fourth picture's scale is the sampler's
    assert torch.equal(own[3], usual[3])
    assert not torch.equal(own[0], usual[0])
    assert torch.equal(own, synthesize(model, TEXTS, SEEDS, SAMPLER, store, None, SCALES))
