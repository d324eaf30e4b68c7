"""A sweep whose trials have real weights, ready to be promoted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from pipeline.config import ModelConfig
from pipeline.diffusion.load import load_model
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.parameters import trainable
from pipeline.diffusion.weights import save_weights
from pipeline.tracking.promotion import SecondJudgement
from tests.tracking.sweeps import Sweep

SPACE = """
name: tiny
concept: {kind: object, forget: [sneaker]}
prompts: {train: 4, test: 16}
update: {learning_rate: {log_uniform: [1e-5, 1e-3]}}
evaluation: {steps: 2, batch: 16, gallery: 2}
objectives: {erasure: maximize, alignment: maximize}
budget: {trials: 2, sampler: random}
"""
SEED = 4321
ONCE = SecondJudgement(seed=SEED, repeats=1)


@dataclass(frozen=True)
class Stage:
    """A sweep of two trials, recorded nowhere yet; the second one is broken."""

    sweep: Sweep
    uri: str
    base: DiffusionModel


@contextmanager
def a_stage(home: Path, empty_database: Path) -> Iterator[Stage]:
    """A stage in a home of its own, which is this process's as long as the stage stands."""
    shutil.copyfile(empty_database, home / "mlflow.db")
    base = load_model("fashion-canvas")
    sweep = Sweep(home / "sweeps" / "tiny", ((0.97, 0.8), (0.5, 0.99)), text=SPACE)
    for number, noise in enumerate((0.5, 3.0)):
        generator = torch.Generator().manual_seed(number)
        changed = {
            name: value + noise * value.std() * torch.randn(value.shape, generator=generator)
            for name, value in trainable(base.denoiser, base.family, ModelConfig()).items()
        }
        path = sweep.trial(number) / "weights.safetensors"
        save_weights(changed, path, base.dtype, {"base": base.fingerprint})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARN_HOME", str(home))
        yield Stage(sweep, f"sqlite:///{home / 'mlflow.db'}", base)
