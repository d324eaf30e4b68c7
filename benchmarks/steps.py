"""One training step of each update rule at the same batches: seconds side by side, peak memory.

Run `python benchmarks/steps.py`. Ratios are taken pair by pair within a round, so that a machine
whose speed drifts does not bend them; every variant's peak memory, above what it holds before its
first step, is that of a process of its own (Linux).
"""

from __future__ import annotations

import copy
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.parameters import trainable
from pipeline.unlearning.batches import Batch, Pool, TrainingSet
from pipeline.unlearning.objectives import forget_loss, retain_loss
from pipeline.unlearning.preparing import make_stepper, step_batches
from pipeline.unlearning.step import Stepper
from pipeline.unlearning.workers import ALONE

ROUNDS = 12
MEMORY_STEPS = 3
Step = Callable[[Batch, Batch], None]


def settings(update: dict[str, Any], train: str) -> Experiment:
    """The default step, over all parameters or over cross-attention."""
    return Experiment.model_validate(
        {
            "name": "steps",
            "model": {"train": train},
            "concept": {"kind": "object", "forget": ["sneaker"]},
            "update": {"learning_rate": 1e-6, **update},
            "budget": {"trials": 1},
        }
    )


def random_set(model: DiffusionModel) -> TrainingSet:
    """Random latents cost what pictures cost."""
    generator = torch.Generator().manual_seed(0)
    states = model.encode_prompts(["a photo of a red sneaker"] * 32)

    def pool(anchors: torch.Tensor | None) -> Pool:
        latents = torch.randn(32, *model.latent_shape, generator=generator)
        return Pool(latents, states, anchors)

    return TrainingSet(pool(states), {"generic": pool(None)}, {"generic": 1.0}, "benchmark")


def stepper_of(model: DiffusionModel, experiment: Experiment, data: TrainingSet) -> Stepper:
    """A stepper over a fresh copy of the U-Net."""
    unet = copy.deepcopy(model.denoiser)
    trained = (unet, trainable(unet, model.family, experiment.model))
    return make_stepper(model, experiment, data, trained, ALONE)


def ours(stepper: Stepper) -> Step:
    """The project's own step, without telemetry."""
    return lambda forget, retain: void(stepper.step(10, forget, retain, watch=False))


def void(_: object) -> None:
    """Drop a value."""


def losses_of(stepper: Stepper, forget: Batch, retain: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Both mean losses."""
    of = stepper.objectives
    shared = (of.model, of.predictors)
    return (
        forget_loss(*shared, forget, of.losses).mean(),
        retain_loss(*shared, retain, of.losses).mean(),
    )


def finish(stepper: Stepper) -> None:
    """Clip and step, as every variant does."""
    nn.utils.clip_grad_norm_(stepper.parameters, 1.0)
    stepper.optimizer.step()
    stepper.optimizer.zero_grad(set_to_none=True)


def one_backward(stepper: Stepper) -> Step:
    """The weighted sum in its cheapest form: both losses in one backward pass."""

    def step(forget: Batch, retain: Batch) -> None:
        forgotten, retained = losses_of(stepper, forget, retain)
        (forgotten + stepper.update.retain_weight * retained).backward()
        finish(stepper)

    return step


def gradient(parameter: nn.Parameter) -> torch.Tensor:
    """A parameter's gradient, which a backward pass has just set."""
    if parameter.grad is None:
        raise RuntimeError("expected a backward pass before this")
    return parameter.grad


def flatten_and_project(stepper: Stepper) -> Step:
    """The restricted gradient written down directly: flat vectors, projected and summed."""

    def step(forget: Batch, retain: Batch) -> None:
        flat = []
        for loss in losses_of(stepper, forget, retain):
            loss.backward()
            flat.append(torch.cat([gradient(p).flatten() for p in stepper.parameters]))
            stepper.optimizer.zero_grad(set_to_none=True)
        f, r = flat
        conflict = torch.dot(f, r).clamp(max=0)
        projected_f = f - conflict / torch.dot(r, r) * r
        projected_r = r - conflict / torch.dot(f, f) * f
        update = projected_f + stepper.update.retain_weight * projected_r
        start = 0
        for parameter in stepper.parameters:
            count = parameter.numel()
            parameter.grad = update[start : start + count].view_as(parameter)
            start += count
        finish(stepper)

    return step


VARIANTS: dict[str, tuple[dict[str, Any], Callable[[Stepper], Step]]] = {
    "restricted gradient": ({"restriction": "gradient"}, ours),
    "restricted step": ({"restriction": "step"}, ours),
    "restricted step, monotone": ({"restriction": "step", "monotone": True}, ours),
    "weighted sum": ({"restriction": "none"}, ours),
    "weighted sum, one backward": ({"restriction": "none"}, one_backward),
    "flatten and project": ({"restriction": "gradient"}, flatten_and_project),
}


def peak_megabytes(variant: str, train: str) -> float:
    """How far a process's peak memory rises above what it holds before its first step."""
    command = [sys.executable, __file__, variant, train]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(printed.split()[-1])


def run_for_memory(variant: str, train: str) -> None:
    """What `peak_megabytes` starts."""
    model = load_model("fashion-canvas")
    update, make = VARIANTS[variant]
    experiment, data = settings(update, train), random_set(model)
    step = make(stepper_of(model, experiment, data))
    drawn = [step_batches(model, experiment, data, number) for number in range(MEMORY_STEPS)]
    # Loading has a peak of its own: Linux forgets it on request.
    Path("/proc/self/clear_refs").write_text("5")
    before = status_kilobytes("VmRSS")
    for forget, retain in drawn:
        step(forget, retain)
    print((status_kilobytes("VmHWM") - before) / 1024)


def status_kilobytes(name: str) -> int:
    """A line of Linux's /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    """Print one table for each choice of parameters."""
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        run_for_memory(*sys.argv[1:])
        return
    model = load_model("fashion-canvas")
    data = random_set(model)
    for train in ("all", "cross_attention"):
        steps = {
            name: make(stepper_of(model, settings(update, train), data))
            for name, (update, make) in VARIANTS.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for round_number in range(-2, ROUNDS):  # two rounds warm up
            drawn = step_batches(model, settings({}, train), data, round_number + 2)
            for name, step in steps.items():
                start = time.perf_counter()
                step(*drawn)
                if round_number >= 0:
                    seconds[name].append(time.perf_counter() - start)
        print(f"\ntrain: {train}; {ROUNDS} rounds, one thread, forget batch 16, retain batch 32")
        print(f"{'step':28} {'median s':>9} {'ratio':>7} {'peak MB':>8}")
        reference = seconds["weighted sum, one backward"]
        for name, mine in seconds.items():
            ratio = statistics.median(a / b for a, b in zip(mine, reference, strict=True))
            memory = peak_megabytes(name, train)
            print(f"{name:28} {statistics.median(mine):9.3f} {ratio:7.3f} {memory:8.0f}")


if __name__ == "__main__":
    main()
