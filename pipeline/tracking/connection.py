"""A client of MLflow that gives up soon, says little, and finds the project's experiment."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from pipeline.tracking.uri import artifact_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT: Final = "unlearn"
"""The experiment of all sweeps, unless `$MLFLOW_EXPERIMENT_NAME` says otherwise."""

_QUIET: Final = "MLFLOW_DISABLE_TELEMETRY"
_PATIENCE: Final = (
    "MLFLOW_HTTP_REQUEST_TIMEOUT",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER",
)
_GIVEN: Final = frozenset(name for name in (_QUIET, *_PATIENCE) if name in os.environ)


def connect(uri: str, timeout: int, retries: int = 0) -> MlflowClient:
    """A client of the tracking server and registry at `uri`.

    MLflow reads its patience from the environment at every request: the last call of this
    function holds for the process, but what the user has set in the environment always does.
    MLflow's own settings (120 s, seven times again with growing pauses) would keep a caller for
    minutes when the server is away.

    Args:
        uri: a server's address, or a database.
        timeout: seconds that one request may take.
        retries: how often it is tried again. A request that was answered too late is then done
            twice, so whoever makes runs and finds them again by their tags wants none.
    """
    settings = (str(timeout), str(retries), "1", "0")
    for name, value in zip(_PATIENCE, settings, strict=True):
        if name not in _GIVEN:
            os.environ[name] = value
    if _QUIET not in _GIVEN:
        os.environ[_QUIET] = "true"
    from mlflow import MlflowClient

    # Its notes on creating tables would be written across the sweep's live view.
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def experiment_id(client: MlflowClient, uri: str) -> str:
    """The project's experiment, made or taken back from the bin when it isn't there."""
    from mlflow.exceptions import MlflowException

    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    found = client.get_experiment_by_name(name)
    if found is None:
        folder = artifact_folder(uri)
        location = None if folder is None else (folder / name).as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException:
            # Another sweep's mirror may have been first; if not, this raises what went wrong.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)
