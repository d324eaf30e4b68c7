"""The manifest beside the embedded weights: sizes, hashes, held-out numbers, the command."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from pipeline.canvas.dataset import Dataset, load_dataset
from pipeline.canvas.measure import held_out_labels, measure_generations, measure_judges
from pipeline.diffusion.sampling import Progress

MANIFEST = "manifest.json"
COMMAND = "unlearn canvas build --photographs DIR"
SAMPLE_PICTURES = 400
_SAMPLE = "sample.safetensors"
_REPEATS, _SEED = 3, 20_000
_SAMPLE_REPEATS, _SAMPLE_SEED = 1, 30_000


def write_manifest(weights: Path, test_folder: Path, progress: Progress | None = None) -> Path:
    """Measure everything in `weights` and write its manifest, with a sample of the held-out split.

    The sample travels with the weights, so that a test can measure them again without the
    photographs.
    """
    data = load_dataset(test_folder)
    sample = _first(data, SAMPLE_PICTURES)
    save_file(vars(sample), weights / _SAMPLE)
    held_out = {
        "composed": {"pictures": len(data), **measure_judges(weights, data)},
        "generated": {
            "pictures": len(held_out_labels(_REPEATS)),
            **measure_generations(weights, _REPEATS, _SEED, progress),
        },
    }
    on_sample = measure_sample(weights)
    files = {
        path.relative_to(weights).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(weights.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    manifest = {
        "command": COMMAND,
        "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "held_out": held_out,
        "sample": on_sample,
        "files": files,
    }
    path = weights / MANIFEST
    path.write_text(json.dumps(_rounded(manifest), indent=1) + "\n")
    return path


def measure_sample(weights: Path) -> dict[str, Any]:
    """The numbers that `sample` in the manifest records, measured again: about half a minute."""
    sample = Dataset(**load_file(weights / _SAMPLE))
    return {
        "composed": measure_judges(weights, sample),
        "generated": measure_generations(weights, _SAMPLE_REPEATS, _SAMPLE_SEED),
    }


_LIBRARIES = ("torch", "diffusers", "transformers")


def _first(data: Dataset, count: int) -> Dataset:
    columns: dict[str, torch.Tensor] = {
        name: column[:count].clone() for name, column in vars(data).items()
    }
    return Dataset(**columns)


def _rounded(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _rounded(value) for key, value in tree.items()}
    return round(tree, 4) if isinstance(tree, float) else tree
