"""From prompts to pools: the base's own pictures of a prompt set, and the states of its prompts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from pipeline.config import Experiment
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.sampling import Progress, Sampler
from pipeline.diffusion.store import Store
from pipeline.diffusion.synthesis import embed, synthesize
from pipeline.prompts import Prompt, PromptSet
from pipeline.unlearning.batches import Pool, TrainingSet

_SYNTHESIS_BATCH = 32


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
    parts = [prompt_set.forget_train, *(prompt_set.retain_train[name] for name in sources)]
    everything = [prompt for part in parts for prompt in part]
    seeds = [experiment.synthesis.seed * 1_000_003 + prompt.seed for prompt in everything]
    texts = [prompt.text for prompt in everything]
    # All pools are made in one go: the last batch of each would otherwise run half empty.
    latents = synthesize(model, texts, seeds, sampler, store, progress)
    states = embed(model, texts, store)
    pools = []
    start = 0
    for part in parts:
        rows = slice(start, start + len(part))
        pools.append(Pool(latents[rows], states[rows]))
        start += len(part)
    anchors = embed(model, [_anchor(prompt) for prompt in prompt_set.forget_train], store)
    forget = Pool(pools[0].latents, pools[0].states, anchors)
    retain = dict(zip(sources, pools[1:], strict=True))
    return TrainingSet(forget, retain, mix, _identity(model, everything, seeds, sampler, mix))


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
