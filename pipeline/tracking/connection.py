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

# Nothing may be written across a sweep's live view, nor sent anywhere but to the server.
_SILENCE: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_TIMEOUT: Final = "MLFLOW_HTTP_REQUEST_TIMEOUT"
_RETRIES: Final = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_GIVEN: Final = frozenset(name for name in (*_SILENCE, _TIMEOUT, _RETRIES) if name in os.environ)


def connect(uri: str, timeout: int, retries: int = 0) -> MlflowClient:
    """A client of the tracking server and registry at `uri`; `set_patience` says what it waits."""
    for name, value in _SILENCE.items():
        _set_default(name, value)
    set_patience(timeout, retries)
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    # What goes wrong with a database is raised as well, and shown in a line instead of a hundred.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def set_patience(timeout: int, retries: int) -> None:
    """How long this process's requests to MLflow wait from now on.

    MLflow reads it from the environment at every request; what the user has set there stays. Its
    own settings (120 s, seven times again with growing pauses) would keep a caller for minutes
    when the server is away.

    Args:
        timeout: seconds that one request may take.
        retries: how often it is tried again. A request that was answered too late is then done
            twice, so whoever makes runs and finds them again by their tags wants none.
    """
    _set_default(_TIMEOUT, str(timeout))
    _set_default(_RETRIES, str(retries))


def _set_default(name: str, value: str) -> None:
    if name not in _GIVEN:
        os.environ[name] = value


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
