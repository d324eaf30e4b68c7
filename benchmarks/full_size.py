"""One training step at Stable Diffusion 1.5's true size, on random weights: seconds and memory.

Run `python benchmarks/full_size.py`, with `--side 64` for the latents of pictures of 512 pixels.
Every variant is a process of its own (Linux). Memory is how far its second step rises above what is
held before it, model and optimiser included, beside the bytes of one gradient of what is trained.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import UNet2DConditionModel
from torch import nn

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.conditions import STATES, Conditions
from pipeline.diffusion.trained import copy_to_train
from pipeline.unlearning.batches import Batch, Pool, TrainingSet
from pipeline.unlearning.objectives import forget_loss, retain_loss
from pipeline.unlearning.preparing import make_stepper, step_batches
from pipeline.unlearning.step import Stepper
from pipeline.unlearning.workers import ALONE

TRAINED: Final[dict[str, dict[str, Any]]] = {
    # States of a byte, so that all of it fits into 24 GB.
    "all": {"model": {"train": "all"}, "update": {"optimizer": "adamw_8bit"}},
    "cross-attention": {"model": {"train": "cross_attention"}, "update": {}},
    "LoRA": {"model": {"train": "attention", "lora": {"rank": 16}}, "update": {}},
}
VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "weighted sum, one backward": {"restriction": "none"},
    "weighted sum": {"restriction": "none"},
    "restricted gradient": {"restriction": "gradient"},
    "restricted step": {"restriction": "step"},
}


def random_model(side: int) -> DiffusionModel:
    """Stable Diffusion 1.5's U-Net with random weights, in Fashion Canvas's pipeline."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=side,
        cross_attention_dim=768,
        attention_head_dim=8,
        block_out_channels=(320, 640, 1280, 1280),
        layers_per_block=2,
    )
    unet.eval().requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)
    small = load_model("fashion-canvas")
    return small.with_parts({small.family.denoiser: unet}, "random")


def random_set(model: DiffusionModel) -> TrainingSet:
    """Random latents and prompts cost what real ones cost."""
    generator = torch.Generator().manual_seed(0)

    def pool(*, anchored: bool) -> Pool:
        def states() -> Conditions:
            return Conditions({STATES: torch.randn(4, 77, 768, generator=generator)})

        latents = torch.randn(4, *model.latent_shape, generator=generator)
        return Pool(latents, states(), states() if anchored else None)

    retain = {"generic": pool(anchored=False)}
    return TrainingSet(pool(anchored=True), retain, {"generic": 1.0}, "benchmark")


def settings(trained: str, variant: str) -> Experiment:
    """One picture of each kind a step."""
    chosen = TRAINED[trained]
    update = {"forget_batch": 1, "retain_batch": 1, "learning_rate": 1e-6}
    return Experiment.model_validate(
        {
            "name": "full-size",
            "model": chosen["model"],
            "concept": {"kind": "object", "forget": ["sneaker"]},
            "update": {**update, **chosen["update"], **VARIANTS[variant]},
        }
    )


def one_backward(stepper: Stepper, forget: Batch, retain: Batch) -> None:
    """The weighted sum in its cheapest form: both losses in one backward pass."""
    of = stepper.objectives
    shared = (of.model, of.predictors)
    forgotten = forget_loss(*shared, forget, of.losses).mean()
    retained = retain_loss(*shared, retain, of.losses).mean()
    (forgotten + stepper.update.retain_weight * retained).backward()
    nn.utils.clip_grad_norm_(stepper.parameters, 1.0)
    stepper.optimizer.step()
    stepper.optimizer.zero_grad(set_to_none=True)


def run(side: int, trained: str, variant: str) -> None:
    """Two steps; prints the second one's seconds, its memory and a gradient's, in bytes."""
    torch.set_num_threads(1)
    model = random_model(side)
    experiment, data = settings(trained, variant), random_set(model)
    copied = copy_to_train(model, experiment.model, experiment.seed)
    student = copied.parts[model.family.denoiser]
    stepper = make_stepper(model, experiment, data, (student, copied.parameters), ALONE)
    before, start = 0, 0.0
    for number in (1, 2):
        # The first step makes the optimiser's state; Linux forgets a peak on request.
        Path("/proc/self/clear_refs").write_text("5")
        before, start = status_bytes("VmRSS"), time.perf_counter()
        batches = step_batches(model, experiment, data, number)
        if variant == "weighted sum, one backward":
            one_backward(stepper, *batches)
        else:
            stepper.step(number, *batches, watch=False)
    seconds, rise = time.perf_counter() - start, status_bytes("VmHWM") - before
    print(seconds, rise, sum(p.numel() * p.element_size() for p in stepper.parameters), before)


def status_bytes(name: str) -> int:
    """A line of Linux's /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    """Print one row a variant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--one", nargs=2)
    asked = parser.parse_args()
    if asked.one:
        run(asked.side, *asked.one)
        return
    print(f"latents of {asked.side} x {asked.side}, a batch of 1 + 1, bf16, one thread; MB")
    print(f"{'trained':16} {'step':28} {'s':>6} {'held':>7} {'step':>6} {'a gradient':>10}")
    for trained in TRAINED:
        for variant in VARIANTS:
            command = [sys.executable, __file__, "--side", str(asked.side), "--one"]
            # What is freed goes back at once, and is not counted as held.
            environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
            told = subprocess.run(
                [*command, trained, variant],
                check=True,
                capture_output=True,
                text=True,
                env=environment,
            ).stdout.split()
            seconds, (rise, gradient, held) = float(told[-4]), (int(x) / 2**20 for x in told[-3:])
            row = f"{trained:16} {variant:28} {seconds:6.1f} {held:7.0f} {rise:6.0f}"
            print(f"{row} {gradient:10.0f}", flush=True)


if __name__ == "__main__":
    main()
