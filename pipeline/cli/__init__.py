"""The command line: `unlearn`, or `python -m pipeline`."""

from pipeline.cli.app import main

__all__ = ["main"]
