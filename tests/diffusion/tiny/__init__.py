"""Tiny models of every family with random weights: real pipelines, tokenizers made on the spot."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

FAMILIES: Final = {
    "sd1": "stable_diffusion",
    "sd2": "stable_diffusion",
    "sdxl": "stable_diffusion_xl",
    "sd3": "stable_diffusion_3",
    "flux": "flux",
    "dit": "dit",
    "class_unet": "class_unet",
}
"""Family -> the file beside this one with a function of the family's name that builds it."""


def build(name: str, folder: Path) -> Path:
    """Write a tiny model of a family into a folder, in diffusers' layout; returns the folder.

    Weights are drawn from one seed, so that the same files are written every time.
    """
    module = import_module(f"tests.diffusion.tiny.{FAMILIES[name]}")
    path: Path = getattr(module, name)(folder)
    return path


def prompts(name: str) -> tuple[str, str, str]:
    """Three prompts that a family's tiny model tells apart: sentences, or names of classes."""
    if name in ("dit", "class_unet"):
        return ("sneaker", "bag", "dress")
    return ("a red sneaker", "a blue bag", "a green dress")
