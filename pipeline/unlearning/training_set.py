"""From prompts to pools: the base's own pictures of a prompt set, and what its prompts tell it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

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

_SYNTHESIS_BATCH = 32
_WITH_ANCHOR_PICTURES = ("concept_ablation", "concept_ablation_noise")


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
        every_source: make pictures of sources whose share is 0 too, as a sweep does once for all
            its trials.
    """
    sampler = Sampler(experiment.synthesis.steps, experiment.synthesis.guidance, _SYNTHESIS_BATCH)
    mix = dict(prompt_set.retain_mix)
    sources = [name for name in prompt_set.retain_train if every_source or mix.get(name, 0) > 0]
    most = experiment.prompts.retain
    parts = [prompt_set.forget_train, *(_limited(prompt_set, name, most) for name in sources)]
    if mix.get("anchor", 0) > 0 or experiment.losses.forget in _WITH_ANCHOR_PICTURES:
        sources.append("anchor")
        parts.append(tuple(map(_of_anchor, prompt_set.forget_train)))
    everything = [prompt for part in parts for prompt in part]
    seeds = [experiment.synthesis.seed * 1_000_003 + prompt.seed for prompt in everything]
    texts = [prompt.text for prompt in everything]
    # All pools are made in one go: the last batch of each would otherwise run half empty.
    latents = synthesize(model, texts, seeds, sampler, store, progress)
    conditions = embed(model, texts, store)
    pools = []
    start = 0
    for part in parts:
        rows = slice(start, start + len(part))
        pools.append(Pool(latents[rows], conditions[rows], of_prompt=_numbered(texts[rows])))
        start += len(part)
    anchors = embed(model, [_anchor(prompt) for prompt in prompt_set.forget_train], store)
    forget = Pool(pools[0].latents, pools[0].conditions, anchors)
    retain = dict(zip(sources, pools[1:], strict=True))
    identity = _identity(model, everything, seeds, sampler, mix)
    data = TrainingSet(forget, retain, mix, identity, embed(model, [""], store))
    if experiment.model.train != "text_encoder":
        return data
    named = zip(("forget", *sources), parts, strict=True)
    return with_texts(
        data,
        {source: tuple(prompt.text for prompt in part) for source, part in named},
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


def _identity(
    model: DiffusionModel,
    prompts: Sequence[Prompt],
    seeds: Sequence[int],
    sampler: Sampler,
    mix: dict[str, float],
) -> str:
    story = {
        "base": model.fingerprint,
        "prompts": [[prompt.text, prompt.anchor, prompt.source] for prompt in prompts],
        "seeds": list(seeds),
        "sampler": sampler.key(),
        "mix": mix,
    }
    return hashlib.sha256(json.dumps(story, sort_keys=True).encode()).hexdigest()
