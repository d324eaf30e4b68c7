"""Where runs are recorded when nobody says otherwise."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.search.places import home


def tracking_uri() -> str:
    """Where MLflow records: `$MLFLOW_TRACKING_URI`, or a database file in the sweeps' home."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home() / 'mlflow.db'}"


def artifact_folder(uri: str) -> Path | None:
    """Where artifacts of a database without a server go; None when a server decides.

    A database file keeps them in `mlartifacts` beside it, any other database in the sweeps' home.
    """
    scheme, _, rest = uri.partition(":///")
    if scheme == "sqlite":
        return Path(rest).resolve().parent / "mlartifacts"
    if scheme.startswith(("http", "databricks", "file")):
        return None
    return home() / "mlartifacts"
