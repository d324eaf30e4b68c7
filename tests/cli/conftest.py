"""The real command line for each test, in a home of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.command import Unlearn, run_unlearn


@pytest.fixture
def unlearn(tmp_path: Path) -> Unlearn:
    """`unlearn(verb, ...)` in an empty home."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return run_unlearn(tmp_path, *arguments)

    return run
