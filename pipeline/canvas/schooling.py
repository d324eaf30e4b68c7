"""One loop that trains every part of Fashion Canvas: fixed steps, fixed seeds, resumable.

Every step draws from a generator seeded by (seed, step), so a resumed training needs no random
state: it goes on exactly where it stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.training_utils import EMAModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

_SAVE_EVERY_SECONDS = 120.0


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        steps: optimiser steps.
        batch: pictures a step.
        learning_rate: peak of a linear warm-up followed by a cosine to zero.
        warmup: steps of the warm-up.
        weight_decay: AdamW's.
        seed: of everything drawn while training.
        ema_decay: upper bound of the decay of averaged weights, or None for no averaging.
    """

    steps: int
    batch: int
    learning_rate: float
    warmup: int = 80
    weight_decay: float = 0.02
    seed: int = 0
    ema_decay: float | None = None

    def rate(self, step: int) -> float:
        """Learning rate of a step counted from 0."""
        rise = min(1.0, (step + 1) / self.warmup)
        return self.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * step / self.steps))


Progress = Callable[[str, int, int, float], None]
"""Called with (what is trained, steps done, steps in all, mean loss of late)."""


def school(
    name: str,
    modules: Mapping[str, nn.Module],
    loss: Callable[[torch.Generator], Tensor],
    schedule: Schedule,
    folder: Path,
    progress: Progress,
) -> None:
    """Train `modules` in place on `loss`; at the end they hold the averaged weights, if any.

    Args:
        name: what is trained, for progress and for the name of the state file.
        modules: trained together; their names key the state.
        loss: one batch's loss, drawing only from the generator it is given.
        schedule: see `Schedule`.
        folder: where the state for a resume lies; the caller removes it once the result is saved.
        progress: told about every 20th step.

    Raises:
        RuntimeError: the loss is not finite.
    """
    everything = nn.ModuleDict(dict(modules)).train()
    parameters = [p for p in everything.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=0.0, betas=(0.9, 0.99), weight_decay=schedule.weight_decay
    )
    averaged = (
        None if schedule.ema_decay is None else EMAModel(parameters, decay=schedule.ema_decay)
    )
    state_file = folder / f"{name}.state.safetensors"
    step = _restore(state_file, everything, optimizer, averaged, parameters)
    saved_at, lately = time.monotonic(), None
    while step < schedule.steps:
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        generator = torch.Generator().manual_seed(schedule.seed * 1_000_003 + step)
        value = loss(generator)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if averaged is not None:
            averaged.step(parameters)
        step += 1
        lately = value.item() if lately is None else 0.98 * lately + 0.02 * value.item()
        if not math.isfinite(lately):
            raise RuntimeError(f"{name}: the loss of step {step} is {lately}; lower the rate")
        if step % 20 == 0 or step == schedule.steps:
            progress(name, step, schedule.steps, lately)
        if time.monotonic() - saved_at > _SAVE_EVERY_SECONDS:
            _save(state_file, everything, optimizer, averaged, parameters, step)
            saved_at = time.monotonic()
    if averaged is not None:
        averaged.copy_to(parameters)
    everything.eval()


def _save(
    path: Path,
    everything: nn.Module,
    optimizer: torch.optim.Optimizer,
    averaged: EMAModel | None,
    parameters: list[nn.Parameter],
    step: int,
) -> None:
    tensors = {f"weights.{key}": value for key, value in everything.state_dict().items()}
    for number, parameter in enumerate(parameters):
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{number}.{key}"] = value
        if averaged is not None:
            tensors[f"averaged.{number}"] = averaged.shadow_params[number]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(
        {key: value.detach().contiguous().clone() for key, value in tensors.items()},
        partial,
        {"step": str(step)},
    )
    partial.replace(path)


def _restore(
    path: Path,
    everything: nn.Module,
    optimizer: torch.optim.Optimizer,
    averaged: EMAModel | None,
    parameters: list[nn.Parameter],
) -> int:
    if not path.is_file():
        return 0
    tensors = load_file(path)
    prefix = "weights."
    everything.load_state_dict(
        {key.removeprefix(prefix): v for key, v in tensors.items() if key.startswith(prefix)}
    )
    step = 0
    for number, parameter in enumerate(parameters):
        state = {
            key: tensors[f"optimizer.{number}.{key}"] for key in ("step", "exp_avg", "exp_avg_sq")
        }
        optimizer.state[parameter].update(state)
        step = int(state["step"])
        if averaged is not None:
            averaged.shadow_params[number] = tensors[f"averaged.{number}"]
    if averaged is not None:
        averaged.optimization_step = step
    return step
