"""Small pictures of a judged model, ready for a page: those of its gallery, before and after.

One file a trial, whose pictures are WebP strips in base64: a page of a thousand trials takes them
as they are. Unlike the gallery they are clear where a concept is a sensitive one, as the page
covers them until its viewer chooses; where a file asks for blur (`evaluation.blur: true`), they are
not.
Legend: K pictures of S x S pixels, a strip is one row of them.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image
from torch import Tensor

from pipeline.evaluation.gallery import beyond_recognition
from pipeline.evaluation.levels import levels_of

if TYPE_CHECKING:
    from pipeline.evaluation.judge import Evaluation

SIDE: Final = 128  # pixels a picture is at most in a strip; smaller ones stay as they are
SMALL_SIDE: Final = 64  # the same, of the two that stand for a trial wherever it is pointed at
_QUALITY: Final = 80  # of WebP; a strip of eight Fashion Canvas pictures is 5 kB
_METHOD: Final = 4  # of WebP's encoder: its default


def save_thumbnails(evaluation: Evaluation, count: int, path: Path, *, blur: bool) -> None:
    """Write the strips of what a gallery of `count` pairs shows; nothing for a count of 0.

    Args:
        evaluation: of a model.
        count: pairs, half of them of prompts that name the concept, those first.
        path: of the JSON file, which appears whole or not at all. It holds `questions` (text, seed
            and whether it names the concept, K of them), `size` (width and height of a picture),
            `before` and `after` (strips), `small` (the first after-picture of either kind),
            `sensitive` (whether they are to be covered)
            and `blurred` (whether they are beyond recognition themselves).
        blur: whether nobody is to see them clearly.
    """
    rows = evaluation.shown(count)
    if not rows:
        return
    report = evaluation.report
    named = [row < report.images.forget for row in rows]
    questions = [
        [report.pictures[row].text, report.pictures[row].seed, kind]
        for row, kind in zip(rows, named, strict=True)
    ]
    before = _pictures(evaluation.base_images[rows], SIDE, blur=blur)
    after = _pictures(evaluation.images[rows], SIDE, blur=blur)
    standing = [rows[place] for place in first_of_each(named)]
    small = _pictures(evaluation.images[standing], SMALL_SIDE, blur=blur)
    story = {
        "questions": questions,
        "size": before[0].size,
        "before": _strip(before),
        "after": _strip(after),
        "small": _strip(small),
        "sensitive": evaluation.blurred,
        "blurred": blur,
    }
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(story), encoding="utf-8")
    partial.replace(path)


def first_of_each(named: list[bool]) -> list[int]:
    """Places of the first prompt that names the concept and of the first that doesn't."""
    return [named.index(kind) for kind in (True, False) if kind in named]


def _pictures(images: Tensor, side: int, *, blur: bool) -> list[Image.Image]:
    levels = levels_of(images.detach().cpu().float())
    pictures = [Image.fromarray(each) for each in levels.permute(0, 2, 3, 1).contiguous().numpy()]
    for picture in pictures:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return [beyond_recognition(picture) for picture in pictures] if blur else pictures


def _strip(pictures: list[Image.Image]) -> str:
    width, height = pictures[0].size
    strip = Image.new("RGB", (width * len(pictures), height))
    for place, picture in enumerate(pictures):
        strip.paste(picture, (place * width, 0))
    file = io.BytesIO()
    strip.save(file, "WEBP", quality=_QUALITY, method=_METHOD)
    return base64.b64encode(file.getvalue()).decode("ascii")
