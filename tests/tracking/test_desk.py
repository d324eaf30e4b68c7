"""Whatever a server does to somebody who waits at the desk, it ends in a message."""

from __future__ import annotations

import pytest
import requests

from pipeline.tracking.desk import registry_client

AWAY = "http://127.0.0.1:1"


def test_a_download_that_breaks_is_told_as_mlflow_s_own_errors_are() -> None:
    with (
        pytest.raises(ValueError, match=r"127\.0\.0\.1:1: expected MLflow to answer, got"),
        registry_client(AWAY),
    ):
        requests.get(AWAY, timeout=5)
