"""Forget and retain pools, and the batches a step draws from them.

Every step draws from a generator seeded by (seed, step): a resumed run needs no random state, and
all workers draw the same joint batch and take their rows of it. Legend: N pool, B batch, C H W
latents, L tokens, D width of a token's state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from pipeline.config import UpdateConfig


@dataclass(frozen=True)
class Pool:
    """Pictures that the base made, with the states of their prompts.

    Attributes:
        latents: (N, C, H, W).
        states: (N, L, D).
        anchor_states: states of each prompt with the anchor in the concept's place, (N, L, D);
            None where nothing is forgotten.
    """

    latents: Tensor
    states: Tensor
    anchor_states: Tensor | None = None

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
        empty: states of the empty prompt, (1, L, D); None where no objective asks for it.
    """

    forget: Pool
    retain: Mapping[str, Pool]
    mix: Mapping[str, float]
    identity: str
    empty: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """One batch with its noise; fields as in `Pool`, timesteps (B,).

    Forget batches may also hold pictures of their anchors (B, C, H, W) and the empty prompt's
    states (B, L, D), for objectives that use them.
    """

    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    states: Tensor
    anchor_states: Tensor | None = None
    anchor_latents: Tensor | None = None
    empty_states: Tensor | None = None

    def __len__(self) -> int:
        return len(self.latents)

    def rows(self, rows: slice) -> Batch:
        """Some of the samples."""
        return self._each(lambda tensor: tensor[rows])

    def to(self, device: torch.device) -> Batch:
        """The same samples on a device; they are drawn on the CPU, so that all devices agree."""
        return self._each(lambda tensor: tensor.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{n: change(t) for n, t in tensors.items() if t is not None})


def draw_batches(
    data: TrainingSet, update: UpdateConfig, seed: int, step: int, train_timesteps: int
) -> tuple[Batch, Batch]:
    """The forget and the retain batch of a step.

    A retain sample first draws its source by the mix. One from `same_context` is the partner of a
    forget sample of the same step, so that both batches stay paired (Ko et al. 2024, section 5).
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    forget_rows = _draw_rows(len(data.forget), update.forget_batch, generator)
    sources = [source for source, share in data.mix.items() if share > 0]
    shares = torch.tensor([data.mix[source] for source in sources], dtype=torch.float64)
    drawn = torch.multinomial(shares, update.retain_batch, replacement=True, generator=generator)
    latents, states = [], []
    for slot, number in enumerate(drawn.tolist()):
        source = sources[number]
        pool = data.retain[source]
        row = int(torch.randint(len(pool), (), generator=generator))
        if source == "same_context":
            row = int(forget_rows[slot % update.forget_batch])
        latents.append(pool.latents[row])
        states.append(pool.states[row])
    forget = _with_noise(
        data.forget.latents[forget_rows],
        data.forget.states[forget_rows],
        train_timesteps,
        generator,
    )
    forget = replace(forget, **_for_forget_objectives(data, forget_rows))
    retain = _with_noise(torch.stack(latents), torch.stack(states), train_timesteps, generator)
    return forget, retain


def _draw_rows(count: int, wanted: int, generator: torch.Generator) -> Tensor:
    if wanted <= count:
        return torch.randperm(count, generator=generator)[:wanted]
    return torch.randint(count, (wanted,), generator=generator)


def _for_forget_objectives(data: TrainingSet, rows: Tensor) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    if data.forget.anchor_states is not None:
        found["anchor_states"] = data.forget.anchor_states[rows]
    if "anchor" in data.retain:
        found["anchor_latents"] = data.retain["anchor"].latents[rows]
    if data.empty is not None:
        found["empty_states"] = data.empty.expand(len(rows), -1, -1)
    return found


def _with_noise(
    latents: Tensor, states: Tensor, train_timesteps: int, generator: torch.Generator
) -> Batch:
    timesteps = torch.randint(train_timesteps, (len(latents),), generator=generator)
    noise = torch.randn(latents.shape, generator=generator)
    return Batch(latents, noise, timesteps, states)
