"""Also a test that fails ends the processes that it started."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.search.sweeping import Runner


@pytest.fixture(autouse=True)
def _no_stray_sweeps() -> Iterator[None]:
    yield
    Runner.kill_all()
