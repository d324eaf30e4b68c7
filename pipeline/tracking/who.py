"""Who does what is recorded: a promotion against its gate, or a change of champions."""

from __future__ import annotations

import getpass
import os


def who() -> str:
    """The name under which this process speaks to MLflow; the machine's user where it has none."""
    named = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number and no name
        return f"user {os.getuid()}"
