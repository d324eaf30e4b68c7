"""Experiments of a few steps, and folders for them."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Experiment


def experiment(**update: object) -> Experiment:
    """A short training; keywords override its update."""
    settings = {
        "rule": "restricted_gradient",
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
            "losses": {"forget": "ascent", "retain": "denoise"},
            "update": settings,
            "budget": {"trials": 1},
        }
    )


def folder_of(path: Path, name: str) -> Path:
    folder = path / name
    folder.mkdir()
    return folder
