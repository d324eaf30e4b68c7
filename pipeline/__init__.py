"""Search, compare, reproduce and promote the removal of concepts from image models."""

__version__ = "0.1.0"
