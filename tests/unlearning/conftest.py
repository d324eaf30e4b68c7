"""A small training set of the embedded base's own pictures."""

from __future__ import annotations

import pytest

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
