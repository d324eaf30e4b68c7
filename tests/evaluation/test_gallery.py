"""Galleries show the pictures themselves, enlarged, in order, with words beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pipeline.evaluation.gallery import _font, _wrapped, contact_sheet, gallery

LONG = "a pencil sketch style picture of an orange ankle boot on a white background"


def pictures(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def place(sheet: NDArray[np.uint8], picture: Tensor, scale: int) -> tuple[int, int]:
    """Where the picture lies in the sheet, enlarged by repetition: (top, left)."""
    levels = ((picture + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    block = levels.repeat(scale, 0).repeat(scale, 1)
    candidates = np.argwhere((sheet == block[0, 0]).all(-1))
    found = [
        (int(top), int(left))
        for top, left in candidates
        if np.array_equal(sheet[top : top + len(block), left : left + len(block)], block)
    ]
    assert len(found) == 1
    return found[0]


def test_every_pair_is_shown_side_by_side_in_order(tmp_path: Path) -> None:
    before, after = pictures(6), pictures(6, seed=1)
    gallery(before, after, [LONG] * 6, tmp_path / "pairs.png", scale=4)
    sheet = read(tmp_path / "pairs.png")
    lefts = [place(sheet, picture, 4) for picture in before]
    rights = [place(sheet, picture, 4) for picture in after]
    for (top, left), (other_top, right) in zip(lefts, rights, strict=True):
        assert top == other_top
        assert right >= left + 128
    assert lefts == sorted(lefts)


def test_labels_and_captions_stand_above_their_pictures(tmp_path: Path) -> None:
    before, after = -torch.ones(1, 3, 32, 32), torch.zeros(1, 3, 32, 32)
    inked = []
    for caption in ("", "a sneaker"):
        gallery(before, after, [caption], tmp_path / "pair.png", scale=4)
        sheet = read(tmp_path / "pair.png")
        top, left = place(sheet, before[0], 4)
        _, right = place(sheet, after[0], 4)
        above = np.min(sheet[:top], axis=-1) < 128
        assert above[-20:, left:right].any()  # "before"
        assert above[-20:, right:].any()  # "after"
        inked.append(int(above.sum()))
    assert inked[1] > inked[0]


@pytest.mark.parametrize("text", [LONG, "x" * 200, "an own prompt with " + "o" * 90, ""])
@pytest.mark.parametrize("width", [60, 130, 260])
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    font = _font()
    lines = _wrapped(text, width, font)
    assert all(font.getlength(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_contact_sheet_is_a_grid_in_reading_order(tmp_path: Path) -> None:
    shown = pictures(6)
    contact_sheet(shown, ["photo", "neon"], ["bag", "dress", "ankle boot"], tmp_path / "s.png", 2)
    places = [place(read(tmp_path / "s.png"), picture, 2) for picture in shown]
    assert places == sorted(places)
    tops, lefts = ({each[axis] for each in places} for axis in (0, 1))
    assert (len(tops), len(lefts)) == (2, 3)


def test_what_is_written_appears_whole_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "pairs.png"
    for count in (1, 2):
        gallery(pictures(count), pictures(count, 1), ["bag"] * count, path)
    place(read(path), pictures(2)[1], 4)
    assert [each.name for each in path.parent.iterdir()] == ["pairs.png"]


def test_counts_that_disagree_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.png"
    with pytest.raises(ValueError, match="with a caption each; got"):
        gallery(pictures(2), pictures(2), ["one"], path)
    with pytest.raises(ValueError, match="as many pictures before as after"):
        gallery(pictures(2), pictures(3), ["one", "two"], path)
    with pytest.raises(ValueError, match="at least one picture"):
        gallery(pictures(0), pictures(0), [], path)
    with pytest.raises(ValueError, match="scale of at least 1, got 0"):
        gallery(pictures(1), pictures(1), ["one"], path, scale=0)
    with pytest.raises(ValueError, match="2 rows x 2 columns = 4 pictures, got 3"):
        contact_sheet(pictures(3), ["a", "b"], ["c", "d"], path)
    assert not path.exists()


def test_a_blurred_picture_is_a_few_colours_that_run_into_each_other(tmp_path: Path) -> None:
    stripes = torch.ones(1, 3, 64, 64)
    stripes[..., ::8] = stripes[..., 1::8] = stripes[..., 2::8] = stripes[..., 3::8] = -1
    for blurred in (False, True):
        contact_sheet(stripes, ["row"], ["column"], tmp_path / f"{blurred}.png", 2, blurred=blurred)
    plain, shown = (read(tmp_path / f"{blurred}.png") for blurred in (False, True))
    top, left = place(plain, stripes[0], 2)
    assert plain[top : top + 128, left : left + 128].std() > 120
    inside = shown[-top - 60 : -60, -100:-40].astype(float)
    assert inside.std() < 12  # one grey: what was black and white is not told apart
    assert abs(inside.mean() - 127.5) < 12


def test_pairs_are_blurred_alike_and_say_so(tmp_path: Path) -> None:
    halves = -torch.ones(1, 3, 32, 32)
    halves[..., 16:] = 1
    sheets = []
    for blurred in (False, True):
        gallery(halves, -halves, ["a bag"], tmp_path / "pair.png", blurred=blurred)
        sheets.append(read(tmp_path / "pair.png"))
    plain, shown = sheets
    assert plain.shape == shown.shape
    top, left = place(plain, halves[0], 4)
    row = shown[top + 64, left : left + 128, 0].astype(int)
    assert row[0] < 60  # dark at the left, light at the right, and no edge between
    assert row[-1] > 195
    assert np.abs(np.diff(row)).max() < 12
    assert not np.array_equal(plain[:top], shown[:top])  # "blurred" stands above
