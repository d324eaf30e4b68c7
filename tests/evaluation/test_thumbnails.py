"""Thumbnails are the gallery's pictures, small; they say whether they are to be covered."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.evaluation.judge import Evaluation
from pipeline.evaluation.thumbnails import SIDE, SMALL_SIDE, save_thumbnails
from pipeline.prompts.prompt import Prompt
from tests.tracking.comparisons import report


def evaluation(side: int, *, blurred: bool = False) -> Evaluation:
    """Ten pictures in two halves, each pair of its own brightness; the base's are dark."""
    judged = report(0.5)
    count = len(judged.pictures)
    images = torch.linspace(-0.5, 1.0, count)[:, None, None, None].repeat(1, 3, side, side)
    images[:, :, :, side // 2 :] -= 0.5
    prompts = tuple(Prompt(each.text, each.asked, "test", None) for each in judged.pictures)
    return Evaluation(judged, images, torch.full_like(images, -0.9), prompts, blurred)


def saved(path: Path, given: Evaluation, *, blur: bool = False) -> dict[str, Any]:
    save_thumbnails(given, 4, path, blur=blur)
    story: dict[str, Any] = json.loads(path.read_text())
    return story


def opened(strip: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(base64.b64decode(strip))) as picture:
        return np.asarray(picture.convert("RGB"))


def test_the_strips_hold_what_the_gallery_shows(tmp_path: Path) -> None:
    given = evaluation(32)
    story = saved(tmp_path / "thumbnails.json", given)
    rows = given.shown(4)
    assert [text for text, _, _ in story["questions"]] == [given.prompts[row].text for row in rows]
    assert [named for _, _, named in story["questions"]] == [True, True, False, False]
    assert story["size"] == [32, 32]
    after = opened(story["after"])
    assert after.shape == (32, 4 * 32, 3)
    for place, row in enumerate(rows):
        level = (float(given.images[row, 0, 16, 8]) + 1) * 127.5
        assert abs(float(after[16, 32 * place + 8, 0]) - level) < 8
    assert opened(story["before"]).max() < 30
    assert opened(story["small"]).shape == (32, 2 * 32, 3)
    assert not story["sensitive"]


def test_large_pictures_become_small(tmp_path: Path) -> None:
    story = saved(tmp_path / "thumbnails.json", evaluation(256))
    assert opened(story["after"]).shape == (SIDE, 4 * SIDE, 3)
    assert opened(story["small"]).shape == (SMALL_SIDE, 2 * SMALL_SIDE, 3)


@pytest.mark.parametrize("blur", [True, False])
def test_what_is_sensitive_is_said_and_hidden_for_good_where_asked(
    tmp_path: Path, *, blur: bool
) -> None:
    story = saved(tmp_path / "thumbnails.json", evaluation(64, blurred=True), blur=blur)
    assert story["sensitive"]
    assert story["blurred"] is blur
    edges = np.abs(np.diff(opened(story["after"])[:, :64, 0].astype(int), axis=1)).max()
    assert (edges > 25) is not blur


def test_no_gallery_no_thumbnails(tmp_path: Path) -> None:
    save_thumbnails(evaluation(8), 0, tmp_path / "thumbnails.json", blur=False)
    assert not list(tmp_path.iterdir())
