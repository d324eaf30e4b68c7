"""The store gives back what was put, under one key only, whoever writes at once."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import torch

from pipeline.diffusion.store import Store

KEY = {"what": "test", "number": 1}


def _put(root: Path, value: float) -> float:
    stored = Store(root).put(KEY, {"x": torch.full((1000,), value)})
    return float(stored["x"][0])


def test_what_was_put_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert store.get(KEY) is None
    tensors = {"x": torch.randn(3, 4), "n": torch.tensor(7)}
    store.put(KEY, tensors)
    found = store.get(dict(reversed(KEY.items())))
    assert found is not None
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor)
    assert store.get({**KEY, "number": 2}) is None


def test_concurrent_writers_agree_on_one_value(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        returned = pool.starmap(_put, [(tmp_path, float(value)) for value in range(12)])
    found = Store(tmp_path).get(KEY)
    assert found is not None
    assert set(returned) == {float(found["x"][0])}
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".safetensors"]


def test_a_flipped_byte_counts_as_missing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, {"x": torch.randn(64)})
    (path,) = tmp_path.rglob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert store.get(KEY) is None
    again = torch.ones(64)
    store.put(KEY, {"x": again})
    found = store.get(KEY)
    assert found is not None
    assert torch.equal(found["x"], again)


def test_a_truncated_file_counts_as_missing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, {"x": torch.randn(64)})
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:40])
    assert store.get(KEY) is None
