"""A small training set of the embedded base's own pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel, Sampler, Store, load_model
from pipeline.diffusion.synthesis import embed, synthesize
from pipeline.unlearning.batches import Pool, TrainingSet

CONTEXTS = ("red", "green", "blue", "purple")


@pytest.fixture(scope="session")
def base() -> DiffusionModel:
    return load_model("fashion-canvas")


@pytest.fixture(scope="session")
def data(base: DiffusionModel, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    store = Store(tmp_path_factory.mktemp("store"))
    sampler = Sampler(steps=4, guidance=3.0, batch=8)

    def pool(name: str, anchor: str | None) -> Pool:
        texts = [f"a photo style picture of a {colour} {name}" for colour in CONTEXTS]
        latents = synthesize(base, texts, range(len(texts)), sampler, store)
        anchors = None
        if anchor is not None:
            anchors = embed(base, [text.replace(name, anchor) for text in texts], store)
        return Pool(latents, embed(base, texts, store), anchors)

    retain = {"same_context": pool("sandal", None), "neighbours": pool("bag", None)}
    mix = {"same_context": 0.5, "neighbours": 0.5}
    return TrainingSet(pool("sneaker", "sandal"), retain, mix, identity="test")


def experiment(**update: object) -> Experiment:
    """A short training; keywords override its update."""
    settings = {
        "rule": "restricted_gradient",
        "learning_rate": 1e-3,
        "steps": 6,
        "forget_batch": 4,
        "retain_batch": 4,
        "telemetry_every": 2,
        "checkpoint_every": 2,
        "precision": "fp32",
        **update,
    }
    return Experiment.model_validate(
        {
            "name": "short",
            "concept": {"kind": "object", "forget": ["sneaker"]},
            "losses": {"forget": "ascent", "retain": "denoise"},
            "update": settings,
            "budget": {"trials": 1},
        }
    )


def folder_of(path: Path, name: str) -> Path:
    folder = path / name
    folder.mkdir()
    return folder
