"""The families of diffusion models: one small adapter each."""

from __future__ import annotations

from typing import Final

from pipeline.diffusion.families.class_unet import ClassUNet, ClassUNetDDIM
from pipeline.diffusion.families.dit import DiT
from pipeline.diffusion.families.family import Drawing, Family
from pipeline.diffusion.families.flux import Flux
from pipeline.diffusion.families.stable_diffusion import StableDiffusion
from pipeline.diffusion.families.stable_diffusion_3 import StableDiffusion3
from pipeline.diffusion.families.stable_diffusion_xl import StableDiffusionXL

__all__ = ["FAMILIES", "Drawing", "Family"]

FAMILIES: Final[dict[str, Family]] = {
    family.pipeline.__name__: family
    for family in (
        StableDiffusion(),
        StableDiffusionXL(),
        StableDiffusion3(),
        Flux(),
        DiT(),
        ClassUNet(),
        ClassUNetDDIM(),
    )
}
"""By the pipeline's class that a model's `model_index.json` names."""
