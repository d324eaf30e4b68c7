"""The real command line, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SMOKE = ROOT / "search_spaces" / "smoke.yaml"

Unlearn = Callable[..., subprocess.CompletedProcess[str]]


def environment_of(home: Path) -> dict[str, str]:
    """What a process with this home sees; nothing of the developer's own settings."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "UNLEARN_HOME": str(home),
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }
    for name in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS"):
        environment.pop(name, None)
    return environment


def run_unlearn(
    home: Path, *arguments: object, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `unlearn` in a home folder, which also is its current one, with settings besides."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *map(str, arguments)],
        cwd=home,
        env={**environment_of(home), **(settings or {})},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=280,
        check=False,
    )
