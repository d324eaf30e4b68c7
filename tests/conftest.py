"""What every test starts from: no telemetry, and a home of its own."""

from __future__ import annotations

import os
import secrets
import signal
from pathlib import Path

import pytest

# Before anything is imported that reads them.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    DO_NOT_TRACK="1",
    MLFLOW_DISABLE_TELEMETRY="true",
    RAY_USAGE_STATS_ENABLED="0",
    RAY_AUTH_MODE="token",
    RAY_AUTH_TOKEN=secrets.token_hex(32),
    TRANSFORMERS_VERBOSITY="error",
    # Two processes test side by side: threads of both would wait for each other's cores, and sums
    # of several threads round otherwise than sums of one.
    OMP_NUM_THREADS="1",
)

# A shell's background jobs ignore Ctrl-C, and what they start does too: tests that interrupt what
# they started do not depend on where they run.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the checkout, or to a tracking server that the developer uses."""
    monkeypatch.setenv("UNLEARN_HOME", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
