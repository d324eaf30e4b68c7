"""Checkpoints that are written while the training goes on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from safetensors import SafetensorError

from pipeline.unlearning.checkpoint_writer import CheckpointWriter
from tests.faults.saving import STORY, Counting
from tests.faults.small_disk import fill, small_disk


def test_what_is_written_is_what_was_there_when_it_was_asked_for(tmp_path: Path) -> None:
    counting = Counting()
    with CheckpointWriter(tmp_path, STORY, leads=True) as writer:
        for step in range(1, 8):
            writer.save(step, counting.at(step))
            counting.at(step + 100)  # the training goes on
    assert Counting().restore(tmp_path) == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000006", "step-000007"]


def test_a_training_does_not_wait_for_a_slow_disk(tmp_path: Path) -> None:
    counting, free = Counting(numbers=16), threading.Event()
    with CheckpointWriter(tmp_path, STORY, leads=True) as writer:
        writer._thread.submit(free.wait)
        writer.save(1, counting.at(1))
        assert list(tmp_path.iterdir()) == []  # the training goes on, and nothing is written yet
        free.set()
    assert Counting(numbers=16).restore(tmp_path) == 1


def test_workers_that_do_not_lead_write_nothing(tmp_path: Path) -> None:
    with CheckpointWriter(tmp_path, STORY, leads=False) as writer:
        writer.save(1, Counting(numbers=16).at(1))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_by_the_next_checkpoint_or_at_the_end(tmp_path: Path) -> None:
    counting = Counting()
    with small_disk(tmp_path / "disk", 8 * 2**20) as disk:
        counting.save(disk / "checkpoints", 1)
        fill(disk, leaving=1000)
        full = pytest.raises((OSError, SafetensorError), match="No space left")
        with full, CheckpointWriter(disk / "checkpoints", STORY, leads=True) as writer:
            writer.save(2, counting.at(2))
        with full, CheckpointWriter(disk / "checkpoints", STORY, leads=True) as writer:
            writer.save(2, counting.at(2))
            writer.save(3, counting.at(3))
        assert Counting().restore(disk / "checkpoints") == 1
        assert [path.name for path in (disk / "checkpoints").iterdir()] == ["step-000001"]
