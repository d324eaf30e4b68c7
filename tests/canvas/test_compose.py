"""Composed pictures show what their labels say, and captions say it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.canvas.captions import UNSTATED, canonical_caption, draw_caption
from pipeline.canvas.compose import compose, flip_some
from pipeline.canvas.dataset import is_held_out
from pipeline.canvas.measure import held_out_labels
from pipeline.canvas.photographs import read_photographs
from pipeline.prompts.fashion import BACKGROUNDS, COLOURS, OBJECTS, STYLES


def _block() -> torch.Tensor:
    """A bright block in the middle of a black photograph."""
    pixels = torch.zeros(1, 28, 28, dtype=torch.uint8)
    pixels[:, 6:22, 6:22] = 220
    return pixels


@pytest.mark.parametrize("style", range(len(STYLES)))
@pytest.mark.parametrize("colour", range(len(COLOURS)))
def test_pictures_are_in_range_and_differ_by_colour(style: int, colour: int) -> None:
    other = (colour + 1) % len(COLOURS)
    labels = torch.tensor([[0, style, colour, 0], [0, style, other, 0]])
    pictures = compose(_block().expand(2, -1, -1), labels)
    assert pictures.shape == (2, 3, 32, 32)
    assert pictures.isfinite().all()
    assert pictures.abs().max() <= 1
    centre = pictures[:, :, 8:24, 8:24].mean((2, 3))
    assert float((centre[0] - centre[1]).abs().max()) > 0.05


@pytest.mark.parametrize("background", range(len(BACKGROUNDS)))
def test_a_cartoons_outline_shows_on_every_background(background: int) -> None:
    style = STYLES.index("cartoon")
    picture = compose(_block(), torch.tensor([[0, style, 0, background]]))[0]
    edge, outside = picture[:, 16, 7], picture[:, 16, 2]
    assert float((edge - outside).abs().mean()) > 0.5


def test_shoes_are_never_mirrored() -> None:
    pixels = torch.randint(0, 255, (400, 28, 28), dtype=torch.uint8)
    objects = torch.arange(400) % len(OBJECTS)
    flipped = flip_some(pixels, objects, np.random.default_rng(0))
    changed = (flipped != pixels).flatten(1).any(1)
    shoes = torch.tensor([OBJECTS.index(name) for name in ("sandal", "sneaker", "ankle boot")])
    assert not changed[torch.isin(objects, shoes)].any()
    assert 0.35 < float(changed[~torch.isin(objects, shoes)].float().mean()) < 0.65


def test_held_out_combinations_leave_every_pair_to_training() -> None:
    sides = (len(OBJECTS), len(STYLES), len(COLOURS), len(BACKGROUNDS))
    grid = torch.cartesian_prod(*(torch.arange(side) for side in sides))
    trained = grid[~is_held_out(grid)]
    for first in range(4):
        for second in range(first + 1, 4):
            pairs = {tuple(row) for row in trained[:, [first, second]].tolist()}
            assert len(pairs) == sides[first] * sides[second]
    held_out = held_out_labels(2)
    assert len(held_out) == 2 * (len(grid) - len(trained))
    assert {tuple(row) for row in held_out[:, :2].tolist()} == {
        (thing, style) for thing in range(8) for style in range(6)
    }


def test_captions_state_what_they_claim_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    for place in range(500):
        labels = [place % 8, place % 6, place % 5, place % 4]
        caption, stated = draw_caption(labels, rng)
        names = (OBJECTS, STYLES, COLOURS, BACKGROUNDS)
        for axis, label in enumerate(stated):
            if label != UNSTATED:
                assert label == labels[axis]
                assert names[axis][label] in caption
        if stated[0] == UNSTATED:
            assert "thing" in caption
        assert " a a" not in caption
        assert " a o" not in f" {caption}"


def test_the_canonical_caption_reads_like_english() -> None:
    assert canonical_caption([7, 5, 1, 2]) == (
        "a neon style picture of an orange ankle boot on a black background"
    )
    assert canonical_caption([1, 0, 0, 0]) == (
        "a photo style picture of red trousers on a white background"
    )


def _write_idx(folder: Path, stem: str, images: bytes, labels: bytes) -> None:
    for kind, header, content in (("images-idx3", 16, images), ("labels-idx1", 8, labels)):
        magic = b"\x00\x00\x08" + bytes(header - 3)
        with gzip.open(folder / f"{stem}-{kind}-ubyte.gz", "wb") as file:
            file.write(magic + content)


def test_photographs_leave_out_coats_and_shirts(tmp_path: Path) -> None:
    labels = bytes([9, 4, 0, 6, 7])
    images = b"".join(bytes([10 * place]) * 784 for place in range(5))
    _write_idx(tmp_path, "train", images, labels)
    photographs = read_photographs(tmp_path, "train")
    assert [OBJECTS[place] for place in photographs.objects] == ["ankle boot", "t-shirt", "sneaker"]
    assert photographs.pixels[:, 0, 0].tolist() == [0, 20, 40]


def test_missing_and_damaged_photographs_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dataset-fashion-mnist"):
        read_photographs(tmp_path, "test")
    _write_idx(tmp_path, "t10k", bytes(784), bytes([1, 2]))
    with pytest.raises(ValueError, match="fetch the files again"):
        read_photographs(tmp_path, "test")
