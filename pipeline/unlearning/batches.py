"""Forget and retain pools, and the batches a step draws from them.

Every step draws from a generator seeded by (seed, step): a resumed run needs no random state, and
all workers draw the same joint batch and take their rows of it. Legend: N pool, B batch, C H W
latents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from pipeline.config import UpdateConfig
from pipeline.diffusion.conditions import Conditions, concatenate
from pipeline.diffusion.noise import NoiseProcess
from pipeline.unlearning.balance import in_turn


@dataclass(frozen=True)
class Pool:
    """Pictures that the base made, with what it was told to make them.

    Attributes:
        latents: (N, C, H, W).
        conditions: of their prompts, N rows.
        anchor_conditions: of each prompt with the anchor in the concept's place, N rows; None where
            nothing is forgotten.
        of_prompt: which prompt each is of, (N,) int64; None where each has its own.
    """

    latents: Tensor
    conditions: Conditions
    anchor_conditions: Conditions | None = None
    of_prompt: Tensor | None = None

    def __len__(self) -> int:
        return len(self.latents)


@dataclass(frozen=True)
class TrainingSet:
    """What a training draws from.

    Attributes:
        forget: pictures of the concept.
        retain: pools by source; `same_context[i]` is the partner of `forget[i]`, and `anchor[i]`
            the picture of its anchor.
        mix: share of each source in a retain batch.
        identity: SHA-256 of prompts, seeds, sampler and base.
        empty: conditions of the empty prompt, one row; None where no objective asks for it.
        texts: all prompts, where they are encoded anew in each step: conditions hold their places.
    """

    forget: Pool
    retain: Mapping[str, Pool]
    mix: Mapping[str, float]
    identity: str
    empty: Conditions | None = None
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """One batch with its noise; fields as in `Pool`, times (B,).

    Forget batches may also hold pictures of their anchors (B, C, H, W) and the empty prompt's
    conditions, B rows, for objectives that use them.
    """

    latents: Tensor
    noise: Tensor
    times: Tensor
    conditions: Conditions
    anchor_conditions: Conditions | None = None
    anchor_latents: Tensor | None = None
    empty_conditions: Conditions | None = None

    def __len__(self) -> int:
        return len(self.latents)

    def rows(self, rows: slice) -> Batch:
        """Some of the samples."""
        return self._each(lambda of_samples: of_samples[rows])

    def to(self, device: torch.device) -> Batch:
        """The same samples on a device; they are drawn on the CPU, so that all devices agree."""
        return self._each(lambda of_samples: of_samples.to(device))

    def _each(self, change: Callable[[Any], Any]) -> Batch:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{n: change(v) for n, v in values.items() if v is not None})


def draw_batches(
    data: TrainingSet, update: UpdateConfig, seed: int, step: int, process: NoiseProcess
) -> tuple[Batch, Batch]:
    """The forget and the retain batch of a step.

    A retain sample first draws its source by the mix. One from `same_context` is the partner of a
    forget sample of the same step, so that both batches stay paired (Ko et al. 2024, section 5).
    Those of other sources are drawn evenly, or in turn where batches are to be balanced.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    forget_rows = _draw_rows(len(data.forget), update.forget_batch, generator)
    sources = [source for source, share in data.mix.items() if share > 0]
    shares = torch.tensor([data.mix[source] for source in sources], dtype=torch.float64)
    drawn = torch.multinomial(shares, update.retain_batch, replacement=True, generator=generator)
    balanced = {s: _in_turn(data.retain[s], generator) for s in sources if update.balanced}
    latents, conditions = [], []
    for slot, number in enumerate(drawn.tolist()):
        source = sources[number]
        pool = data.retain[source]
        row = int(torch.randint(len(pool), (), generator=generator))
        if source == "same_context":
            row = int(forget_rows[slot % update.forget_batch])
        elif update.balanced:
            row = next(balanced[source])
        latents.append(pool.latents[row])
        conditions.append(pool.conditions[row : row + 1])
    forget = _with_noise(
        data.forget.latents[forget_rows],
        data.forget.conditions[forget_rows],
        process,
        generator,
    )
    forget = replace(forget, **_for_forget_objectives(data, forget_rows))
    retain = _with_noise(torch.stack(latents), concatenate(conditions), process, generator)
    return forget, retain


def _in_turn(pool: Pool, generator: torch.Generator) -> Iterator[int]:
    own = torch.arange(len(pool))
    return in_turn(own if pool.of_prompt is None else pool.of_prompt, generator)


def _draw_rows(count: int, wanted: int, generator: torch.Generator) -> Tensor:
    if wanted <= count:
        return torch.randperm(count, generator=generator)[:wanted]
    return torch.randint(count, (wanted,), generator=generator)


def _for_forget_objectives(data: TrainingSet, rows: Tensor) -> dict[str, Any]:
    found: dict[str, Tensor | Conditions] = {}
    if data.forget.anchor_conditions is not None:
        found["anchor_conditions"] = data.forget.anchor_conditions[rows]
    if "anchor" in data.retain:
        found["anchor_latents"] = data.retain["anchor"].latents[rows]
    if data.empty is not None:
        found["empty_conditions"] = data.empty.repeat(len(rows))
    return found


def _with_noise(
    latents: Tensor, conditions: Conditions, process: NoiseProcess, generator: torch.Generator
) -> Batch:
    times = process.draw_times(len(latents), generator)
    noise = torch.randn(latents.shape, generator=generator)
    return Batch(latents, noise, times, conditions)
