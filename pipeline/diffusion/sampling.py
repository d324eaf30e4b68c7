"""Pictures of prompts, each from its own seed, whatever they are sampled together with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from pipeline.diffusion.conditions import Conditions
from pipeline.diffusion.families import Drawing
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.pulse import beat

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True)
class Sampler:
    """How pictures are sampled.

    Attributes:
        steps: denoising steps.
        guidance: classifier-free guidance scale; 1 is none.
        batch: pictures at once.
    """

    steps: int
    guidance: float
    batch: int = 32

    def key(self) -> dict[str, float]:
        """What identifies the sampler in a content hash."""
        return asdict(self)


@torch.no_grad()
def sample_latents(
    model: DiffusionModel,
    conditions: Conditions,
    seeds: Sequence[int],
    sampler: Sampler,
    *,
    empty: Conditions,
    progress: Progress | None = None,
    guidances: Sequence[float] | None = None,
) -> Tensor:
    """Sample latents with the model's own pipeline and scheduler.

    Every batch is filled up to the same shape: matrix products round differently for other shapes,
    and a picture must not depend on its neighbours in the batch. Pipelines take one guidance scale
    a batch, so that pictures of different ones are never in the same.

    Args:
        model: what samples.
        conditions: of the prompts, N rows.
        seeds: one a picture.
        sampler: steps, guidance, batch.
        empty: those of the empty prompt, one row.
        progress: told after each batch.
        guidances: guidance scale of each picture, in place of the sampler's.

    Returns:
        Scaled latents, (N, C, H, W), float32.
    """
    count, done = len(seeds), 0
    latents: list[Tensor] = [torch.empty(0)] * count
    for mine, guidance in _batches(guidances or [sampler.guidance] * count, sampler.batch):
        rows = mine + mine[-1:] * (sampler.batch - len(mine))
        generators = [torch.Generator().manual_seed(seeds[row]) for row in rows]
        noise = torch.stack(
            [torch.randn(model.latent_shape, generator=generator) for generator in generators]
        )
        with torch.autocast(model.device.type, dtype=torch.bfloat16):
            sampled = model.family.sample(
                model.pipeline,
                conditions[rows].to(model.device),
                empty.repeat(len(rows)).to(model.device),
                noise.to(model.device),
                Drawing(sampler.steps, guidance, generators),
            )
        for row, latent in zip(mine, sampled[: len(mine)].float().cpu(), strict=True):
            latents[row] = latent
        done += len(mine)
        beat()
        if progress is not None:
            progress(done, count)
    return torch.stack(latents)


def _batches(guidances: Sequence[float], size: int) -> Iterator[tuple[list[int], float]]:
    """Rows in their order, at most `size` at a time, all of one guidance scale."""
    alike: dict[float, list[int]] = {}
    for row, guidance in enumerate(guidances):
        alike.setdefault(guidance, []).append(row)
    for guidance, rows in alike.items():
        for start in range(0, len(rows), size):
            yield rows[start : start + size], guidance


@torch.no_grad()
def decode(model: DiffusionModel, latents: Tensor, batch: int = 32) -> Tensor:
    """Pictures of scaled latents (N, C, H, W): (N, 3, sides), float32 in [-1, 1]."""
    pictures = []
    for chunk in latents.split(batch):
        decoded = model.family.decode(model.pipeline, chunk.to(model.device))
        pictures.append(decoded.float().clamp(-1, 1).cpu())
        beat()
    return torch.cat(pictures)
