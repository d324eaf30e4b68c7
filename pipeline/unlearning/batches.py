"""Forget and retain pools, and the batches a step draws from them.

Every step draws from a generator seeded by (seed, step): a resumed run needs no random state, and
all workers draw the same joint batch and take their rows of it. Legend: N pool, B batch, C H W
latents, L tokens, D width of a token's state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
        retain: pools by source; `same_context[i]` is the partner of `forget[i]`.
        mix: share of each source in a retain batch.
        identity: SHA-256 of prompts, seeds, sampler and base.
    """

    forget: Pool
    retain: Mapping[str, Pool]
    mix: Mapping[str, float]
    identity: str


@dataclass(frozen=True)
class Batch:
    """One batch with its noise; fields as in `Pool`, timesteps (B,)."""

    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    states: Tensor
    anchor_states: Tensor | None

    def rows(self, rows: slice) -> Batch:
        """Some of the samples."""
        anchors = None if self.anchor_states is None else self.anchor_states[rows]
        return Batch(
            self.latents[rows], self.noise[rows], self.timesteps[rows], self.states[rows], anchors
        )

    def to(self, device: torch.device) -> Batch:
        """The same samples on a device; they are drawn on the CPU, so that all devices agree."""
        anchors = None if self.anchor_states is None else self.anchor_states.to(device)
        return Batch(
            self.latents.to(device),
            self.noise.to(device),
            self.timesteps.to(device),
            self.states.to(device),
            anchors,
        )


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
    anchors = data.forget.anchor_states
    forget = _with_noise(
        data.forget.latents[forget_rows],
        data.forget.states[forget_rows],
        None if anchors is None else anchors[forget_rows],
        train_timesteps,
        generator,
    )
    retain = _with_noise(
        torch.stack(latents), torch.stack(states), None, train_timesteps, generator
    )
    return forget, retain


def _draw_rows(count: int, wanted: int, generator: torch.Generator) -> Tensor:
    if wanted <= count:
        return torch.randperm(count, generator=generator)[:wanted]
    return torch.randint(count, (wanted,), generator=generator)


def _with_noise(
    latents: Tensor,
    states: Tensor,
    anchor_states: Tensor | None,
    train_timesteps: int,
    generator: torch.Generator,
) -> Batch:
    timesteps = torch.randint(train_timesteps, (len(latents),), generator=generator)
    noise = torch.randn(latents.shape, generator=generator)
    return Batch(latents, noise, timesteps, states, anchor_states)
