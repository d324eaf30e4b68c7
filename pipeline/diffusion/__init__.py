"""The diffusion model: loading, choosing parameters, sampling, saving."""

from pipeline.diffusion.load import load_model
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.sampling import Sampler
from pipeline.diffusion.store import Store

__all__ = ["DiffusionModel", "Sampler", "Store", "load_model"]
