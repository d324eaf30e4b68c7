"""A tiny model of a family with pictures of its own to train on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.diffusion import DiffusionModel, Sampler, Store, load_model
from pipeline.diffusion.synthesis import embed, synthesize
from pipeline.unlearning.batches import Pool, TrainingSet
from pipeline.unlearning.text_student import with_texts
from tests.diffusion.tiny import build, prompts


@dataclass(frozen=True)
class Stage:
    """A tiny model, and two pictures of each of three prompts: concept, anchor and another."""

    family: str
    model: DiffusionModel
    data: TrainingSet


def stage_of(name: str, folder: Path) -> Stage:
    """Build a family's tiny model in a new folder, and let it make its pictures."""
    model = load_model(build(name, folder / name))
    store, sampler = Store(folder / "store"), Sampler(2, guidance=2.0, batch=2)
    concept, anchor, other = ((text,) * 2 for text in prompts(name))

    def pool(texts: tuple[str, ...], anchors: tuple[str, ...] | None = None) -> Pool:
        latents = synthesize(model, texts, [0, 1], sampler, store)
        told = None if anchors is None else embed(model, anchors, store)
        return Pool(latents, embed(model, texts, store), told)

    retain = {"same_context": pool(anchor), "neighbours": pool(other)}
    mix = {"same_context": 0.5, "neighbours": 0.5}
    data = TrainingSet(pool(concept, anchor), retain, mix, identity="test")
    texts = {"forget": concept, "same_context": anchor, "neighbours": other}
    return Stage(name, model, with_texts(data, texts, anchor))
