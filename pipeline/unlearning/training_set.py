"""From prompts to pools: the base's own pictures of a prompt set, and what its prompts tell it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from pipeline.config import Experiment
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.sampling import Progress, Sampler
from pipeline.diffusion.store import Store
from pipeline.diffusion.synthesis import embed, synthesize
from pipeline.prompts import Prompt, PromptSet
from pipeline.unlearning.batches import Pool, TrainingSet
from pipeline.unlearning.text_student import with_texts

FORGET: Final = "forget"
"""The pool of the concept's pictures; retain pools are named like their sources."""

_SYNTHESIS_BATCH = 32
_WITH_ANCHOR_PICTURES = ("concept_ablation", "concept_ablation_noise")


@dataclass(frozen=True)
class TrainingPictures:
    """The pictures that a training draws from, before they are made.

    Attributes:
        parts: prompts by pool, one picture each; the forget prompts come first.
        mix: share of each source in a retain batch.
        seed: combined with each prompt's own.
        sampler: how they are sampled.
    """

    parts: Mapping[str, tuple[Prompt, ...]]
    mix: Mapping[str, float]
    seed: int
    sampler: Sampler

    @property
    def prompts(self) -> list[Prompt]:
        """Those of all pools, in their order."""
        return [prompt for part in self.parts.values() for prompt in part]

    @property
    def texts(self) -> list[str]:
        """One a picture."""
        return [prompt.text for prompt in self.prompts]

    @property
    def seeds(self) -> list[int]:
        """One a picture."""
        return [self.seed * 1_000_003 + prompt.seed for prompt in self.prompts]


def training_pictures(
    prompt_set: PromptSet, experiment: Experiment, *, every_source: bool = False
) -> TrainingPictures:
    """Which pictures an experiment trains on.

    Args:
        prompt_set: what to make pictures of.
        experiment: gives the sampler and its seed.
        every_source: those of sources whose share is 0 too, as a sweep makes them once for all its
            trials.
    """
    mix = dict(prompt_set.retain_mix)
    most = experiment.prompts.retain
    parts = {FORGET: prompt_set.forget_train}
    for source in prompt_set.retain_train:
        if every_source or mix.get(source, 0) > 0:
            parts[source] = _limited(prompt_set, source, most)
    if mix.get("anchor", 0) > 0 or experiment.losses.forget in _WITH_ANCHOR_PICTURES:
        parts["anchor"] = tuple(map(_of_anchor, prompt_set.forget_train))
    settings = experiment.synthesis
    sampler = Sampler(settings.steps, settings.guidance, _SYNTHESIS_BATCH)
    return TrainingPictures(parts, mix, settings.seed, sampler)


def prepare_training_set(
    model: DiffusionModel,
    prompt_set: PromptSet,
    experiment: Experiment,
    store: Store,
    progress: Progress | None = None,
    *,
    every_source: bool = False,
) -> TrainingSet:
    """Make what is not in the store yet, and read the rest from there.

    Args:
        model: the base.
        prompt_set: what to make pictures of.
        experiment: gives the sampler and its seed.
        store: shared by all trials.
        progress: told how many missing pictures are done.
        every_source: see `training_pictures`.
    """
    wanted = training_pictures(prompt_set, experiment, every_source=every_source)
    texts, seeds = wanted.texts, wanted.seeds
    # All pools are made in one go: the last batch of each would otherwise run half empty.
    latents = synthesize(model, texts, seeds, wanted.sampler, store, progress)
    conditions = embed(model, texts, store)
    pools = {}
    start = 0
    for name, part in wanted.parts.items():
        rows = slice(start, start + len(part))
        pools[name] = Pool(latents[rows], conditions[rows], of_prompt=_numbered(texts[rows]))
        start += len(part)
    anchors = embed(model, [_anchor(prompt) for prompt in prompt_set.forget_train], store)
    own = pools.pop(FORGET)
    forget = Pool(own.latents, own.conditions, anchors)
    identity = _identity(model, wanted)
    data = TrainingSet(forget, pools, wanted.mix, identity, embed(model, [""], store))
    if experiment.model.train != "text_encoder":
        return data
    return with_texts(
        data,
        {name: tuple(prompt.text for prompt in part) for name, part in wanted.parts.items()},
        tuple(map(_anchor, prompt_set.forget_train)),
    )


def _numbered(texts: Sequence[str]) -> Tensor:
    """The same number for the same text, (N,) int64."""
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    return torch.tensor([numbers[text] for text in texts], dtype=torch.int64)


def _limited(prompt_set: PromptSet, source: str, most: int | None) -> tuple[Prompt, ...]:
    """A source's first prompts; all of them where each belongs to a forget prompt."""
    prompts = prompt_set.retain_train[source]
    return prompts if source == "same_context" else prompts[:most]


def _of_anchor(prompt: Prompt) -> Prompt:
    """The forget prompt with its anchor in the concept's place, from the same noise."""
    return Prompt(_anchor(prompt), source="anchor", seed=prompt.seed)


def _anchor(prompt: Prompt) -> str:
    return "" if prompt.anchor is None else prompt.anchor


def _identity(model: DiffusionModel, wanted: TrainingPictures) -> str:
    story = {
        "base": model.fingerprint,
        "prompts": [[prompt.text, prompt.anchor, prompt.source] for prompt in wanted.prompts],
        "seeds": wanted.seeds,
        "sampler": wanted.sampler.key(),
        "mix": dict(wanted.mix),
    }
    return hashlib.sha256(json.dumps(story, sort_keys=True).encode()).hexdigest()
