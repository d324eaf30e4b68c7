"""A promoted folder's manifest: what every file must be, and where the model comes from."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import pipeline
from pipeline.search.places import MANIFEST

_LIBRARIES: Final = ("torch", "diffusers", "transformers", "safetensors", "numpy", "mlflow")


def file_hashes(folder: Path) -> dict[str, dict[str, Any]]:
    """SHA-256 and size in bytes of every file of a folder, except its manifest, by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {
            "sha256": file_digest(path),
            "bytes": path.stat().st_size,
        }
        for path in files
        if path != folder / MANIFEST
    }


def versions() -> dict[str, str]:
    """Versions of this package, of Python, and of the libraries that decide a picture."""
    found = {"unlearn-sweep": pipeline.__version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
