"""Locks on folders that die with the process that holds them, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.search.places import LOCK

_POLL = 0.2


class FolderInUseError(ValueError):
    """Another live process works in the folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"{folder}: expected to have this folder alone, but {holder or 'another process'} "
            "is working in it; wait for it or stop it, then try again"
        )


@contextmanager
def folder_lock(folder: Path, wait: float = 0.0) -> Iterator[None]:
    """Hold a folder for this process alone.

    The kernel frees the lock when the process ends, so a killed one leaves nothing to clean up.

    Args:
        folder: must exist.
        wait: seconds to wait for a holder to end.

    Raises:
        FolderInUseError: another process still holds it.
    """
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    file.seek(0)
                    raise FolderInUseError(folder, file.read().strip()) from None
                time.sleep(_POLL)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
        file.flush()
        yield
