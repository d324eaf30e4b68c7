"""Several processes make pictures together: each its part, to the same bits, none made twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from pipeline.diffusion import DiffusionModel, Sampler, Store, load_model
from pipeline.diffusion.share import Share
from pipeline.diffusion.synthesis import synthesize, synthesize_share
from tests.diffusion.tiny import build

TEXTS = [f"a {colour} sneaker" for colour in ("red", "green", "blue", "red", "green")]
SEEDS = [0, 1, 2, 3, 4]
SAMPLER = Sampler(steps=2, guidance=2.0, batch=2)


class Killed(BaseException):
    """Stands for a kill."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return load_model(build("sd1", tmp_path_factory.mktemp("sd1")))


@pytest.fixture(scope="module")
def alone(base: DiffusionModel, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("alone"))
    synthesize(base, TEXTS, SEEDS, SAMPLER, store)
    return store


def contents(store: Store) -> dict[str, dict[str, str]]:
    """Key and digest by file: equal ones are equal tensors, which `get` checks."""
    found = {}
    for path in store.root.rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            found[path.name] = dict(file.metadata())
        assert store.has(json.loads(found[path.name]["key"]))
    return found


def pictures(store: Store) -> set[Path]:
    """The files of pictures; the others hold texts."""
    kinds = {name: json.loads(story["key"])["what"] for name, story in contents(store).items()}
    return {path for path in store.root.rglob("*.safetensors") if kinds[path.name] == "picture"}


@given(st.integers(0, 70), st.integers(1, 5), st.integers(1, 9))
def test_every_place_is_in_one_share_and_shares_hold_whole_batches(
    total: int, count: int, batch: int
) -> None:
    shares = [Share(rank, count).of(range(total), batch) for rank in range(count)]
    assert sorted(place for share in shares for place in share) == list(range(total))
    wanted = -(-total // batch)
    sampled = [-(-len(share) // batch) for share in shares]
    assert sum(sampled) == wanted
    assert max(sampled) - min(sampled) <= 1


@pytest.mark.parametrize("count", [2, 3])
def test_any_number_of_processes_makes_the_same_files(
    base: DiffusionModel, alone: Store, tmp_path: Path, count: int
) -> None:
    store = Store(tmp_path)
    made = 0
    for rank in reversed(range(count)):
        synthesize_share(base, TEXTS, SEEDS, SAMPLER, store, Share(rank, count))
        now = len(pictures(store))
        assert now > made
        made = now
    assert contents(store) == contents(alone)


def test_what_a_killed_process_made_is_not_made_again(
    base: DiffusionModel, alone: Store, tmp_path: Path
) -> None:
    def kill(done: int, total: int) -> None:
        assert (done, total) == (2, 3)
        raise Killed

    store = Store(tmp_path)
    with pytest.raises(Killed):
        synthesize_share(base, TEXTS, SEEDS, SAMPLER, store, Share(0, 2), kill)
    before = {path: path.stat().st_mtime_ns for path in pictures(store)}
    assert len(before) == 2
    told: list[tuple[int, int]] = []
    for rank in (0, 1):
        synthesize_share(
            base, TEXTS, SEEDS, SAMPLER, store, Share(rank, 2), lambda *call: told.append(call)
        )
    assert told == [(1, 1), (2, 2)]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert contents(store) == contents(alone)


def test_a_damaged_picture_is_made_again(
    base: DiffusionModel, alone: Store, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    synthesize(base, TEXTS, SEEDS, SAMPLER, store)
    damaged, emptied, *_ = sorted(pictures(store))
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    emptied.write_bytes(b"")
    told: list[tuple[int, int]] = []
    for rank in (0, 1):
        synthesize_share(
            base, TEXTS, SEEDS, SAMPLER, store, Share(rank, 2), lambda *call: told.append(call)
        )
    assert sum(total for _, total in told) == 2
    assert contents(store) == contents(alone)


def test_a_store_reads_what_stands_behind_it_and_writes_before_it(tmp_path: Path) -> None:
    behind = Store(tmp_path / "behind")
    behind.put({"of": "behind"}, {"x": torch.ones(2)})
    store = Store(tmp_path / "front", behind)
    assert store.has({"of": "behind"})
    store.put({"of": "front"}, {"x": torch.zeros(2)})
    assert not behind.has({"of": "front"})
    assert len(contents(behind)) == len(contents(store)) == 1
