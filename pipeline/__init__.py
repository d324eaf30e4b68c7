"""Search, compare, reproduce and promote the removal of concepts from text-to-image diffusion models."""

__version__ = "0.1.0"
