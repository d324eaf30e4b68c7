"""The base model's own pictures and text embeddings of prompts, made once and kept in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pipeline.diffusion.conditions import Conditions, concatenate
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.sampling import Progress, Sampler, sample_latents
from pipeline.diffusion.store import Store


def embed(model: DiffusionModel, texts: Sequence[str], store: Store) -> Conditions:
    """What the text encoders make of prompts, from the store where it has them: N rows."""
    known: dict[str, Conditions] = {}
    for text in dict.fromkeys(texts):
        found = store.get(_text_key(model, text))
        if found is not None:
            known[text] = _row(found)
    missing = [text for text in dict.fromkeys(texts) if text not in known]
    for start in range(0, len(missing), _TEXT_BATCH):
        chunk = missing[start : start + _TEXT_BATCH]
        filled = [*chunk, *[""] * (_TEXT_BATCH - len(chunk))]
        encoded = model.encode_prompts(filled).tensors
        for place, text in enumerate(chunk):
            own = {name: tensor[place].cpu() for name, tensor in encoded.items()}
            known[text] = _row(store.put(_text_key(model, text), own))
    return concatenate([known[text] for text in texts])


def synthesize(
    model: DiffusionModel,
    texts: Sequence[str],
    seeds: Sequence[int],
    sampler: Sampler,
    store: Store,
    progress: Progress | None = None,
    guidances: Sequence[float] | None = None,
) -> Tensor:
    """Latents of the model's pictures of prompts, from the store where it has them: (N, C, H, W).

    Args:
        model: usually the base; its fingerprint is part of each picture's key.
        texts: one prompt a picture.
        seeds: one noise seed a picture.
        sampler: how to sample.
        store: where finished pictures are kept, picture by picture.
        progress: told how many of the missing ones are done.
        guidances: guidance scale of each picture, in place of the sampler's.
    """
    scales = guidances or [sampler.guidance] * len(texts)
    keys = [
        _picture_key(model, text, seed, replace(sampler, guidance=scale))
        for text, seed, scale in zip(texts, seeds, scales, strict=True)
    ]
    found = [store.get(key) for key in keys]
    missing = [place for place, tensors in enumerate(found) if tensors is None]
    # Those of one scale side by side, so that few batches need filling up.
    missing.sort(key=scales.__getitem__)
    empty = embed(model, [""], store)
    for start in range(0, len(missing), sampler.batch):
        chunk = missing[start : start + sampler.batch]
        conditions = embed(model, [texts[place] for place in chunk], store)
        latents = sample_latents(
            model,
            conditions,
            [seeds[place] for place in chunk],
            sampler,
            empty=empty,
            guidances=[scales[place] for place in chunk],
        )
        for place, latent in zip(chunk, latents, strict=True):
            found[place] = store.put(keys[place], {"latent": latent})
        if progress is not None:
            progress(start + len(chunk), len(missing))
    return torch.stack([tensors["latent"] for tensors in found if tensors is not None])


_TEXT_BATCH = 32


def _row(tensors: Mapping[str, Tensor]) -> Conditions:
    return Conditions({name: tensor[None] for name, tensor in tensors.items()})


def _text_key(model: DiffusionModel, text: str) -> dict[str, str]:
    return {"what": "text", "encoder": model.text_fingerprint, "text": text}


def _picture_key(
    model: DiffusionModel, text: str, seed: int, sampler: Sampler
) -> dict[str, object]:
    return {
        "what": "picture",
        "base": model.fingerprint,
        "text": text,
        "seed": seed,
        "sampler": sampler.key(),
    }
