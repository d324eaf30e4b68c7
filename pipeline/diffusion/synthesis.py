"""The base model's own pictures and text embeddings of prompts, made once and kept in the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from pipeline.diffusion.conditions import Conditions, concatenate
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.sampling import Progress, Sampler, sample_latents
from pipeline.diffusion.share import Share
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
    keys = picture_keys(model.fingerprint, texts, seeds, sampler, guidances)
    found = [store.get(key) for key in keys]
    missing = [place for place, tensors in enumerate(found) if tensors is None]
    for place, tensors in _made(model, keys, missing, sampler, store, progress):
        found[place] = tensors
    return torch.stack([tensors["latent"] for tensors in found if tensors is not None])


def synthesize_share(  # noqa: PLR0913  (what synthesize takes, and whose share)
    model: DiffusionModel,
    texts: Sequence[str],
    seeds: Sequence[int],
    sampler: Sampler,
    store: Store,
    share: Share,
    progress: Progress | None = None,
    *,
    guidances: Sequence[float] | None = None,
) -> None:
    """Make one process's share of what `synthesize` will look for, unless it is there.

    A picture comes out the same whoever makes it, and the share is in whole batches: none of them
    is sampled half empty because there are several processes.

    Args:
        model: as for `synthesize`, and so are the next four.
        texts: one prompt a picture.
        seeds: one noise seed a picture.
        sampler: how to sample.
        store: which all processes read.
        share: this process's.
        progress: told how many of the share's missing ones are done.
        guidances: as for `synthesize`.
    """
    keys = picture_keys(model.fingerprint, texts, seeds, sampler, guidances)
    own = share.of(range(len(keys)), sampler.batch)
    missing = [place for place in own if not store.has(keys[place])]
    for _ in _made(model, keys, missing, sampler, store, progress):
        pass


def picture_keys(
    fingerprint: str,
    texts: Sequence[str],
    seeds: Sequence[int],
    sampler: Sampler,
    guidances: Sequence[float] | None = None,
) -> list[dict[str, Any]]:
    """What the store calls a model's pictures: one key a picture."""
    scales = guidances or [sampler.guidance] * len(texts)
    return [
        {
            "what": "picture",
            "base": fingerprint,
            "text": text,
            "seed": seed,
            "sampler": replace(sampler, guidance=scale).key(),
        }
        for text, seed, scale in zip(texts, seeds, scales, strict=True)
    ]


def _made(
    model: DiffusionModel,
    keys: Sequence[Mapping[str, Any]],
    missing: Sequence[int],
    sampler: Sampler,
    store: Store,
    progress: Progress | None,
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Sample and store the missing places' pictures, batch by batch."""

    def scale(place: int) -> float:
        return float(keys[place]["sampler"]["guidance"])

    # Those of one scale side by side, so that few batches need filling up.
    ordered = sorted(missing, key=scale)
    empty = embed(model, [""], store)
    for start in range(0, len(ordered), sampler.batch):
        chunk = ordered[start : start + sampler.batch]
        conditions = embed(model, [keys[place]["text"] for place in chunk], store)
        latents = sample_latents(
            model,
            conditions,
            [keys[place]["seed"] for place in chunk],
            sampler,
            empty=empty,
            guidances=[scale(place) for place in chunk],
        )
        for place, latent in zip(chunk, latents, strict=True):
            yield place, store.put(keys[place], {"latent": latent})
        if progress is not None:
            progress(start + len(chunk), len(ordered))


_TEXT_BATCH = 32


def _row(tensors: Mapping[str, Tensor]) -> Conditions:
    return Conditions({name: tensor[None] for name, tensor in tensors.items()})


def _text_key(model: DiffusionModel, text: str) -> dict[str, str]:
    return {"what": "text", "encoder": model.text_fingerprint, "text": text}
