"""Training on tiny models of every family: it changes weights, and resumes to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.config import Experiment, ModelConfig
from pipeline.diffusion import DiffusionModel, Sampler, Store, load_model
from pipeline.diffusion.synthesis import embed, synthesize
from pipeline.unlearning import train
from pipeline.unlearning.batches import Pool, TrainingSet
from pipeline.unlearning.telemetry import StepRecord, read_telemetry
from tests.diffusion.tiny import FAMILIES, build, prompts
from tests.unlearning.short_runs import experiment

STEPS = 3
LOSSES = {
    "ascent": {"forget": "ascent", "retain": "denoise"},
    "anchor": {"forget": "anchor", "retain": "distill"},
}


class Killed(BaseException):
    """Stands for a kill: nothing in the trainer catches it."""


@pytest.fixture(scope="module", params=FAMILIES)
def family_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def tiny(family_name: str, tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return load_model(build(family_name, tmp_path_factory.mktemp(family_name)))


@pytest.fixture(scope="module")
def data(
    tiny: DiffusionModel, family_name: str, tmp_path_factory: pytest.TempPathFactory
) -> TrainingSet:
    """Two pictures of each of three prompts: of what is forgotten, its anchor, and another."""
    store, sampler = Store(tmp_path_factory.mktemp("store")), Sampler(2, guidance=2.0, batch=2)
    concept, anchor, other = prompts(family_name)

    def pool(text: str, anchor: str | None = None) -> Pool:
        latents = synthesize(tiny, [text] * 2, [0, 1], sampler, store)
        anchors = None if anchor is None else embed(tiny, [anchor] * 2, store)
        return Pool(latents, embed(tiny, [text] * 2, store), anchors)

    retain = {"same_context": pool(anchor), "neighbours": pool(other)}
    mix = {"same_context": 0.5, "neighbours": 0.5}
    return TrainingSet(pool(concept, anchor), retain, mix, identity="test")


def settings(losses: str) -> Experiment:
    short = experiment(
        LOSSES[losses],
        steps=STEPS,
        forget_batch=2,
        retain_batch=2,
        telemetry_every=1,
        checkpoint_every=1,
    )
    return short.model_copy(update={"model": ModelConfig(train="all")})


@pytest.mark.parametrize("losses", LOSSES)
def test_it_trains_and_a_killed_run_ends_with_the_same_bits(
    tiny: DiffusionModel, data: TrainingSet, tmp_path: Path, losses: str
) -> None:
    before = {name: value.clone() for name, value in tiny.denoiser.named_parameters()}
    whole = train(tiny, settings(losses), data, tmp_path / "whole")
    weights = load_file(whole)
    assert weights.keys() == before.keys()
    assert any(not torch.equal(value, before[name]) for name, value in weights.items())
    assert all(value.isfinite().all() for value in weights.values())
    for name, value in tiny.denoiser.named_parameters():
        assert torch.equal(value, before[name])

    def kill(record: StepRecord) -> None:
        if record.step == STEPS - 1:
            raise Killed

    killed = tmp_path / "killed"
    with pytest.raises(Killed):
        train(tiny, settings(losses), data, killed, kill)
    watched: list[int] = []
    resumed = train(
        tiny, settings(losses), data, killed, lambda record: watched.append(record.step)
    )
    assert watched == [STEPS]
    assert resumed.read_bytes() == whole.read_bytes()
    records = [read_telemetry(folder / "telemetry.jsonl") for folder in (whole.parent, killed)]
    assert records[0] == records[1]
    assert [record.step for record in records[0]] == list(range(1, STEPS + 1))
