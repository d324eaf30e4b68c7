"""Checkpoints are written while the training goes on."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.unlearning.checkpoints import Story, snapshot, write_checkpoint
from pipeline.unlearning.progress import Progress


class CheckpointWriter:
    """Writes a training's checkpoints in a thread, one at a time; to be used as a context manager.

    A training waits for the copy that is written, and for the last one's writing if the disk is
    slower than the steps between two of them; main memory holds that copy beside the training.

    Args:
        folder: of all checkpoints.
        story: that they belong to.
        leads: whether this worker writes; the others only hand over their parts.
    """

    def __init__(self, folder: Path, story: Story, *, leads: bool) -> None:
        self._folder, self._story, self._leads = folder, story, leads
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def save(self, step: int, progress: Progress) -> None:
        """Have it written what `step` steps have made.

        Raises:
            OSError: the checkpoint before this one could not be written.
        """
        self.wait()
        state = snapshot(progress, leads=self._leads)
        if self._leads:
            self._writing = self._thread.submit(
                write_checkpoint, self._folder, step, state, self._story
            )

    def wait(self) -> None:
        """Wait until the last checkpoint is on the disk.

        Raises:
            OSError: it could not be written.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A training that fails, too, leaves its last checkpoint whole.
        self._thread.shutdown(wait=True)
        if error is None:
            self.wait()
