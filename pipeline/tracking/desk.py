"""A client of the registry for somebody who waits, and one line where the server won't do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipeline.tracking.connection import connect
from pipeline.tracking.ledger import server_name
from pipeline.tracking.uri import tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TIMEOUT: Final = 60  # seconds: models are large
_RETRIES: Final = 2


@contextmanager
def registry_client(uri: str | None = None) -> Iterator[MlflowClient]:
    """A client of the server at `uri`; of the usual one if None.

    Raises:
        ValueError: inside, whatever MLflow itself refuses or cannot be reached with.
    """
    address = tracking_uri() if uri is None else uri
    client = connect(address, timeout=_TIMEOUT, retries=_RETRIES)
    from mlflow.exceptions import MlflowException
    from requests import RequestException  # MLflow's own client, whose errors files come with

    try:
        yield client
    except (MlflowException, RequestException) as error:
        raise ValueError(
            f"{server_name(address)}: expected MLflow to answer, got: {server_name(str(error))}; "
            "start the server, or name another one with MLFLOW_TRACKING_URI"
        ) from error
