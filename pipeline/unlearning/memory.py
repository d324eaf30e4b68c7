"""What a training keeps in memory: one table of buffers, beside the code that makes them.

An estimate: allocators round up, and libraries keep workspaces of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.config import Experiment
from pipeline.diffusion.activations import Activations

Phase = Literal["always", "backward", "step", "sampling"]

PHASES: Final[tuple[Phase, ...]] = ("backward", "step", "sampling")
"""They follow one another, so that the largest of them counts beside what is there always."""

ASSUMPTIONS: Final = (
    "weights, gradients and optimiser states are float32; matrix products are in update.precision",
    "activations are what autograd saves of one picture, counted in a run without memory",
    "times a worker's rows of the larger batch, divided by update.accumulate",
    "attention is a fused kernel",
    "of checkpointed activations, and of frozen weights in update.precision, a tenth stays",
    "sharded workers hold frozen parameters whole, and two blocks of those that move at a time",
    "sampling and decoding hold 3 of their widest tensors for every picture at once",
)

_FLOAT: Final = 4
_TENSORS_AT_ONCE: Final = 3
_CHUNKS: Final = 10
"""A step's chunks take a tenth of a gradient (`chunks.py`)."""
_GATHERED: Final = 4
"""Sharded: a block's parameters and gradients, and those of the next one to come or to go."""
_RECOMPUTED: Final = 10
"""Gradient checkpointing keeps about a tenth of the activations: blocks' inputs alone. Autocast
holds copies of weights that move; those of frozen ones are made anew for a block, and dropped."""


@dataclass(frozen=True)
class Sizes:
    """What the table is computed from.

    Attributes:
        parts: number of parameters by part of the model.
        denoiser: which of the parts predicts.
        moving: number of the parameters that move.
        block: of those, how many lie in the largest block that sharded workers gather at a time.
        activations: of one picture's training forward pass.
        drawn: bytes of the widest tensor in sampling one picture, and in decoding it.
    """

    parts: Mapping[str, int]
    denoiser: str
    moving: int
    block: int
    activations: Activations
    drawn: tuple[int, int]


@dataclass(frozen=True)
class Buffer:
    """A part of a worker's memory, in bytes, and when it is there."""

    name: str
    size: int
    phase: Phase


def buffers(sizes: Sizes, experiment: Experiment) -> list[Buffer]:
    """All that one worker holds; those of size 0 are left out."""
    update = experiment.update
    sharded = experiment.scaling.sharded
    moving = -(-sizes.moving // workers_of(experiment)) if sharded else sizes.moving
    gradient = _FLOAT * moving
    together = experiment.scaling.workers > 1 and not sharded
    own = _FLOAT * sizes.parts[sizes.denoiser]
    others = _FLOAT * (sum(sizes.parts.values()) - sizes.parts[sizes.denoiser])
    kept = _RECOMPUTED if update.gradient_checkpointing else 1
    casts = sizes.activations.frozen_casts // kept + sizes.activations.moving_casts
    sampled, decoded = sizes.drawn
    batch = experiment.evaluation.batch
    passes = 1 if experiment.evaluation.guidance == 1 else 2
    table = [
        Buffer("other parts of the model", others, "always"),
        Buffer("base denoiser, the frozen teacher", own, "always"),
        Buffer("parameters that move", gradient, "always"),
        Buffer("optimiser states", state_bytes(experiment) * moving, "always"),
        Buffer("running average", gradient * (update.ema_decay is not None), "always"),
        Buffer("saliency mask", gradient * (update.saliency is not None), "always"),
        Buffer("buckets of gradients for others", gradient * together, "always"),
        Buffer("gradients f and r", 2 * gradient, "backward"),
        Buffer(
            "blocks gathered for a moment", _GATHERED * _FLOAT * sizes.block * sharded, "backward"
        ),
        Buffer("activations", rows(experiment) * sizes.activations.row // kept, "backward"),
        Buffer("weights in the products' precision", casts, "backward"),
        # step.py: both gradients, and the rest a chunk at a time.
        Buffer("gradients f and r", 2 * gradient, "step"),
        Buffer("chunks of the step", gradient // _CHUNKS, "step"),
        Buffer("the step to be shortened", 2 * gradient * update.monotone, "step"),
        Buffer("weights that are judged at a rung", _at_a_rung(sizes, experiment), "sampling"),
        Buffer(
            "pictures that are judged",
            _TENSORS_AT_ONCE * batch * max(passes * sampled, decoded),
            "sampling",
        ),
    ]
    return [each for each in table if each.size]


def _at_a_rung(sizes: Sizes, experiment: Experiment) -> int:
    """Of a training that may be stopped early: what is judged lies beside what is trained."""
    if experiment.budget.early_stopping is None or not experiment.is_trained:
        return 0
    # Adapters are merged into whole layers.
    lora = experiment.model.lora is not None
    return _FLOAT * (sizes.parts[sizes.denoiser] if lora else sizes.moving)


def peak(table: Sequence[Buffer]) -> tuple[int, Phase]:
    """The most bytes at a time, and in which phase."""
    by_phase: dict[Phase, int] = {
        phase: sum(each.size for each in table if each.phase in ("always", phase))
        for phase in PHASES
    }
    worst = max(by_phase, key=lambda phase: by_phase[phase])
    return by_phase[worst], worst


def rows(experiment: Experiment) -> int:
    """The most pictures that a worker takes through one backward pass."""
    workers = workers_of(experiment)
    most = 1
    for batch in (experiment.update.forget_batch, experiment.update.retain_batch):
        own = -(-batch // workers)
        most = max(most, -(-own // min(experiment.update.accumulate, max(1, batch // workers))))
    return most


def workers_of(experiment: Experiment) -> int:
    """The fewest that train together: each of them then holds the most."""
    return experiment.scaling.fewest


def saved_bytes(experiment: Experiment, moving: int, stored: int) -> dict[str, int]:
    """What a trial writes to disk, in bytes: weights that stay, and checkpoints while it trains.

    Those that are judged at a rung count among the checkpoints.

    Args:
        experiment: of the trial.
        moving: number of the parameters that move.
        stored: bytes of one parameter in the base's own files.
    """
    update = experiment.update
    each = _FLOAT if experiment.model.lora is not None else stored
    # The last two, and one that is being written.
    kept = min(3, -(-update.steps // update.checkpoint_every)) if experiment.is_trained else 0
    average = _FLOAT * (update.ema_decay is not None)
    saved = _FLOAT + state_bytes(experiment) + average
    shown = each * (experiment.budget.early_stopping is not None and experiment.is_trained)
    return {"weights": each * moving, "checkpoints": (kept * saved + shown) * moving}


def state_bytes(experiment: Experiment) -> int:
    """Bytes that the optimiser remembers of one parameter."""
    update = experiment.update
    match update.optimizer:
        case "adamw" | "adamw_fused":
            return 2 * _FLOAT
        case "adamw_8bit":
            return 2
        case "sgd":
            return _FLOAT * (update.momentum > 0)
