"""A disk that becomes full: what is there stays readable, and nothing half written is believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from pipeline.diffusion import Store
from pipeline.diffusion.weights import save_weights
from pipeline.search.files import read_json, write_json
from tests.faults.saving import Counting
from tests.faults.small_disk import fill, small_disk

MEBI = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 8 * MEBI) as folder:
        yield folder


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_store_that_has_no_room_keeps_what_it_has(disk: Path) -> None:
    store = Store(disk / "cache")
    picture = torch.arange(2**18, dtype=torch.float32)
    store.put({"picture": 1}, {"latent": picture})
    ballast = fill(disk, leaving=MEBI // 2)
    before = files(disk)
    with pytest.raises((OSError, SafetensorError), match="No space left"):
        store.put({"picture": 2}, {"latent": picture})
    assert files(disk) == before
    assert store.get({"picture": 2}) is None
    kept = store.get({"picture": 1})
    assert kept is not None
    assert torch.equal(kept["latent"], picture)
    ballast.unlink()
    store.put({"picture": 2}, {"latent": picture})
    assert store.has({"picture": 2})


def test_a_small_file_stays_what_it_was(disk: Path) -> None:
    path = disk / "sweep.json"
    write_json(path, {"status": "running"})
    fill(disk, leaving=1000)
    before = files(disk)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"status": "finished", "more": "x" * 10_000})
    assert files(disk) == before
    assert read_json(path) == {"status": "running"}


def test_a_checkpoint_that_has_no_room_leaves_the_older_ones(disk: Path) -> None:
    counting, folder = Counting(numbers=2**17), disk / "checkpoints"  # 1.5 MB each
    counting.save(folder, 1)
    counting.save(folder, 2)
    ballast = fill(disk, leaving=MEBI)
    before = files(disk)
    with pytest.raises((OSError, SafetensorError), match="No space left"):
        counting.save(folder, 3)
    assert files(disk) == before
    assert not list(folder.glob(".partial-*"))
    assert counting.restore(folder) == 2
    ballast.unlink()
    counting.save(folder, 3)
    assert counting.restore(folder) == 3


def test_weights_that_have_no_room_leave_nothing(disk: Path) -> None:
    path, many = disk / "weights.safetensors", {"weight": torch.ones(2**19)}
    fill(disk, leaving=MEBI)
    before = files(disk)
    with pytest.raises((OSError, SafetensorError), match="No space left"):
        save_weights(many, path, torch.float32, {"base": "b"})
    assert files(disk) == before
