"""A limit of memory at which the kernel really kills."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_GROUPS = Path("/sys/fs/cgroup")


@contextmanager
def memory_limit(size: int) -> Iterator[list[str]]:
    """A command to put before another one, which then has `size` bytes; skips without the rights.

    Control groups of both versions will do: the first one's have a tree of their own for memory.
    """
    old = (_GROUPS / "memory").is_dir()
    parent = _GROUPS / "memory" if old else _GROUPS
    group = parent / f"faults-{os.getpid()}-{time.monotonic_ns()}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(size))
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"limits of memory need root and its rights: {error}")
    try:
        yield ["sh", "-c", f'echo $$ > {group / "cgroup.procs"} && exec "$@"', "sh"]
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            return group.rmdir()
        except OSError:  # the kernel still takes down who was in it
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
