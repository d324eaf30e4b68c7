"""Experiments of a few steps, and folders for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.config import Experiment


def experiment(losses: Mapping[str, object] | None = None, **update: object) -> Experiment:
    """A short training; keywords override its update."""
    settings = {
        "learning_rate": 1e-3,
        "steps": 6,
        "forget_batch": 4,
        "retain_batch": 4,
        "telemetry_every": 2,
        "checkpoint_every": 2,
        "precision": "fp32",
        **update,
    }
    return Experiment.model_validate(
        {
            "name": "short",
            "concept": {"kind": "object", "forget": ["sneaker"]},
            "losses": losses or {"forget": "ascent", "retain": "denoise"},
            "update": settings,
            "budget": {"trials": 1},
        }
    )


def lopsided(optimizer: str, restriction: str, **update: object) -> Experiment:
    """Three steps whose retain gradient weighs so little that the retain loss would rise."""
    settings: dict[str, object] = {"steps": 3, "forget_batch": 3, "retain_batch": 3, "warmup": 0}
    settings |= {"clip_norm": None, "momentum": 0.9, "retain_weight": 0.1}
    settings |= {"optimizer": optimizer, "restriction": restriction, **update}
    return experiment(None, **settings)


def folder_of(path: Path, name: str) -> Path:
    folder = path / name
    folder.mkdir()
    return folder
