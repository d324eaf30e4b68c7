"""Servers of MLflow's as the mirror's own tests have them, and an end for every process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.search.sweeping import Runner
from tests.tracking.conftest import _own_environment, database, empty_database, server, sweep

__all__ = ["_own_environment", "database", "empty_database", "server", "sweep"]


@pytest.fixture(autouse=True)
def _no_stray_sweeps() -> Iterator[None]:
    """Also a test that fails ends the processes that it started."""
    yield
    Runner.kill_all()
