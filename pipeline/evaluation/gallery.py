"""Pictures to look at: the same prompts and seeds before and after, and sheets of many.

Pixels are enlarged by repetition, so that what is seen is what was judged; what nobody should come
upon unasked is blurred. Legend: N pictures,
float (N, 3, H, W) in [-1, 1].
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont
from torch import Tensor

from pipeline.evaluation.levels import levels_of

_GAP = 12  # pixels between neighbouring things, and around all of them
_SEAM = 4  # pixels between a pair's two pictures
_LETTER = 13  # pixels
_LINE = 17  # pixels
_PAPER, _INK, _FAINT = "white", "#1a1a1a", "#666666"
_NARROWEST = 104  # pixels: room for the shortest captions
_MOST_ACROSS = 4  # pairs
_WIDEST_TITLE = 240  # pixels a row's title takes before it is wrapped
_BLURRED = "blurred"
_CELLS = 6  # across and down: all that is left of a blurred picture are so many colours

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def gallery(
    before: Tensor,
    after: Tensor,
    captions: Sequence[str],
    path: Path,
    scale: int = 4,
    *,
    blurred: bool = False,
) -> None:
    """Draw pairs side by side, each under its caption, and write them as one PNG.

    Args:
        before: (N, 3, H, W), N at least 1.
        after: (N, 3, H, W), the same prompts and seeds.
        captions: N texts, wrapped to the width of a pair.
        path: where the PNG goes; it appears there complete or not at all.
        scale: how many pixels a side each pixel becomes, at least 1.
        blurred: whether pictures are drawn beyond recognition.

    Raises:
        ValueError: the counts or shapes disagree, or there is nothing to show.
    """
    if before.shape != after.shape or len(before) != len(captions):
        raise ValueError(
            "expected as many pictures before as after, of one size, with a caption each; got "
            f"{tuple(before.shape)}, {tuple(after.shape)} and {len(captions)} captions"
        )
    pairs = list(zip(_drawn(before, scale, blurred), _drawn(after, scale, blurred), strict=True))
    font = _font()
    side = max(pairs[0][0].width, _NARROWEST if blurred else _NARROWEST // 2)
    width = 2 * side + _SEAM
    texts = [_wrapped(caption, width, font) for caption in captions]
    across = min(_MOST_ACROSS, len(pairs))
    heading = max(len(text) for text in texts) * _LINE
    height = heading + _LINE + pairs[0][0].height
    down = -(-len(pairs) // across)
    sheet = Image.new(
        "RGB", (across * (width + _GAP) + _GAP, down * (height + 2 * _GAP) + _GAP), _PAPER
    )
    pen = ImageDraw.Draw(sheet)
    for number, ((left, right), lines) in enumerate(zip(pairs, texts, strict=True)):
        x = _GAP + number % across * (width + _GAP)
        y = _GAP + number // across * (height + 2 * _GAP)
        for row, line in enumerate(lines):
            pen.text((x, y + row * _LINE), line, _INK, font)
        y += heading
        for place, (picture, label) in enumerate(((left, "before"), (right, "after"))):
            told = f"{label}, {_BLURRED}" if blurred else label
            pen.text((x + place * (side + _SEAM), y), told, _FAINT, font)
            sheet.paste(picture, (x + place * (side + _SEAM), y + _LINE))
    _publish(sheet, path)


def contact_sheet(
    images: Tensor,
    row_titles: Sequence[str],
    column_titles: Sequence[str],
    path: Path,
    scale: int = 2,
    *,
    blurred: bool = False,
) -> None:
    """Draw a titled grid of pictures and write it as one PNG.

    Args:
        images: (rows x columns, 3, H, W), row after row.
        row_titles: one a row, at least one.
        column_titles: one a column, at least one.
        path: where the PNG goes; it appears there complete or not at all.
        scale: how many pixels a side each pixel becomes, at least 1.
        blurred: whether pictures are drawn beyond recognition.

    Raises:
        ValueError: the number of pictures is not rows x columns, or there is nothing to show.
    """
    rows, columns = len(row_titles), len(column_titles)
    if len(images) != rows * columns:
        raise ValueError(
            f"expected {rows} rows x {columns} columns = {rows * columns} pictures, "
            f"got {len(images)}"
        )
    pictures, font = _drawn(images, scale, blurred), _font()
    side, height = max(pictures[0].width, _NARROWEST // 2), pictures[0].height
    names = [_wrapped(title, _WIDEST_TITLE, font) for title in row_titles]
    titles = [_wrapped(title, side, font) for title in column_titles]
    marks = [[_BLURRED]] if blurred else []
    lengths = [font.getlength(line) for lines in [*names, *marks] for line in lines]
    margin = round(max(lengths)) + 2 * _GAP
    heading = max(len(title) for title in titles) * _LINE + _GAP
    pitch = max(height, *(len(name) * _LINE for name in names)) + _SEAM
    sheet = Image.new(
        "RGB", (margin + columns * (side + _SEAM) + _GAP, heading + rows * pitch + _GAP), _PAPER
    )
    pen = ImageDraw.Draw(sheet)
    if blurred:
        pen.text((_GAP, _SEAM), _BLURRED, _FAINT, font)
    for column, lines in enumerate(titles):
        for number, line in enumerate(lines):
            pen.text((margin + column * (side + _SEAM), _SEAM + number * _LINE), line, _INK, font)
    for row, lines in enumerate(names):
        top = heading + row * pitch
        start = top + max(0, height - len(lines) * _LINE) // 2
        for number, line in enumerate(lines):
            pen.text((_GAP, start + number * _LINE), line, _INK, font)
        for column in range(columns):
            sheet.paste(pictures[row * columns + column], (margin + column * (side + _SEAM), top))
    _publish(sheet, path)


def _drawn(images: Tensor, scale: int, blurred: bool) -> list[Image.Image]:  # noqa: FBT001
    pictures = _enlarged(images, scale)
    return [beyond_recognition(picture) for picture in pictures] if blurred else pictures


def beyond_recognition(picture: Image.Image) -> Image.Image:
    """A few cells' mean colours, run into each other: no sharpening brings back what is gone."""
    cells = picture.resize((_CELLS, _CELLS), Image.Resampling.BOX)
    smooth = cells.resize(picture.size, Image.Resampling.BICUBIC)
    return smooth.filter(ImageFilter.GaussianBlur(max(picture.size) / (2 * _CELLS)))


def _enlarged(images: Tensor, scale: int) -> list[Image.Image]:
    if images.ndim != 4 or images.shape[1] != 3 or len(images) == 0:  # noqa: PLR2004
        raise ValueError(
            f"expected at least one picture, as (N, 3, H, W), got {tuple(images.shape)}"
        )
    if scale < 1:
        raise ValueError(f"expected a scale of at least 1, got {scale}")
    levels = levels_of(images.detach().cpu().float())
    pictures = [Image.fromarray(each) for each in levels.permute(0, 2, 3, 1).contiguous().numpy()]
    size = (pictures[0].width * scale, pictures[0].height * scale)
    return [picture.resize(size, Image.Resampling.NEAREST) for picture in pictures]


def _font() -> Font:
    # Pillow's own font, so that a gallery looks alike on every machine.
    return ImageFont.load_default(_LETTER)


def _wrapped(text: str, width: int, font: Font) -> list[str]:
    """The text in lines of at most `width` pixels; a word wider than that is broken."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        rest = word
        if line and font.getlength(f"{line} {rest}") <= width:
            line = f"{line} {rest}"
            continue
        if line:
            lines.append(line)
        while font.getlength(rest) > width and len(rest) > 1:
            cut = _fitting(rest, width, font.getlength)
            lines.append(rest[:cut])
            rest = rest[cut:]
        line = rest
    return [*lines, line]


def _fitting(word: str, width: int, length: Callable[[str], float]) -> int:
    """How many of the word's letters fit, at least one."""
    return max((n for n in range(1, len(word)) if length(word[:n]) <= width), default=1)


def _publish(sheet: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            sheet.save(file, "PNG", optimize=True)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
