"""From a gray photograph to a picture: an object in a colour, on a background, in a style.

Legend: B pictures, C channels, S = 32 pixels a side. Gray and coverage are (B, 1, S, S) in [0, 1].
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.canvas.photographs import Photographs
from pipeline.prompts.fashion import BACKGROUNDS, COLOURS, OBJECTS, STYLES

SIDE = 32

_COLOUR = torch.tensor(
    [
        [0.88, 0.10, 0.12],
        [0.98, 0.52, 0.05],
        [0.96, 0.88, 0.12],
        [0.10, 0.62, 0.18],
        [0.12, 0.28, 0.90],
        [0.58, 0.14, 0.72],
    ]
)
_BACKGROUND = torch.tensor(
    [
        [0.96, 0.96, 0.96],
        [0.55, 0.55, 0.55],
        [0.06, 0.06, 0.06],
        [0.98, 0.70, 0.80],
        [0.55, 0.88, 0.92],
    ]
)
_BLACK = BACKGROUNDS.index("black")
_LUMINANCE = torch.tensor([0.30, 0.59, 0.11]).view(1, 3, 1, 1)
_FLIPPED = 0.5
_PITCH = 3  # pixels from one halftone dot or mosaic tile to the next
_SHOES = torch.tensor([OBJECTS.index(name) for name in ("sandal", "sneaker", "ankle boot")])


def draw_labels(
    photographs: Photographs, count: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Draw which photograph, style, colour and background each of `count` pictures has.

    Returns:
        (indices into the photographs, labels (B, 4): object, style, colour, background).
    """
    index = torch.from_numpy(rng.integers(len(photographs), size=count))
    drawn = [rng.integers(len(axis), size=count) for axis in (STYLES, COLOURS, BACKGROUNDS)]
    columns = [photographs.objects[index], *map(torch.from_numpy, drawn)]
    return index, torch.stack(columns, dim=1)


def flip_some(pixels: Tensor, objects: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirror half of the photographs, shoes excepted.

    Every shoe of Fashion-MNIST looks left; mirrored ones taught the base two-toed boots.
    """
    flips = torch.from_numpy(rng.random(len(pixels)) < _FLIPPED) & ~torch.isin(objects, _SHOES)
    return torch.where(flips[:, None, None], pixels.flip(-1), pixels)


def compose(pixels: Tensor, labels: Tensor) -> Tensor:
    """Compose pictures.

    Args:
        pixels: uint8 photographs, (B, 28, 28).
        labels: int64, (B, 4): object, style, colour, background.

    Returns:
        float32 pictures in [-1, 1], (B, 3, 32, 32).
    """
    gray, cover = _cut_out(pixels)
    colour = _COLOUR[labels[:, 2]][:, :, None, None]
    background = _BACKGROUND[labels[:, 3]][:, :, None, None]
    on_black = (labels[:, 3] == _BLACK).view(-1, 1, 1, 1)
    pictures = _photo(gray, cover, colour, background)
    for number, name in enumerate(STYLES):
        rows = (labels[:, 1] == number).nonzero().flatten()
        if len(rows) == 0:
            continue
        g, a, c, b, photo = gray[rows], cover[rows], colour[rows], background[rows], pictures[rows]
        match name:
            case "photo":
                continue
            case "pencil sketch":
                pictures[rows] = _sketch(g, a, c, b)
            case "halftone":
                pictures[rows] = _halftone(a, photo)
            case "mosaic":
                pictures[rows] = _mosaic(photo)
            case "cartoon":
                pictures[rows] = _cartoon(g, a, c, b, on_black[rows])
            case "neon":
                pictures[rows] = _neon(g, a, c, b)
    return pictures.clamp(0, 1) * 2 - 1


def _cut_out(pixels: Tensor) -> tuple[Tensor, Tensor]:
    gray = pixels.float()[:, None] / 255
    gray = gray / gray.amax((2, 3), keepdim=True).clamp_min(0.2)
    cover = (gray * 6).clamp(0, 1)
    # A closing fills the small holes that dark cloth leaves in the coverage.
    cover = -F.max_pool2d(-F.max_pool2d(F.pad(cover, (2,) * 4), 3, 1, 1), 3, 1, 1)
    gray = F.pad(gray, (2,) * 4)
    return gray, ((cover - 0.5) * 2.5 + 0.5).clamp(0, 1)


def _photo(gray: Tensor, cover: Tensor, colour: Tensor, background: Tensor) -> Tensor:
    cloth = colour * (0.30 + 0.70 * gray) + 0.56 * (gray - 0.75).clamp_min(0)
    light = torch.linspace(1.05, 0.93, SIDE).view(1, 1, SIDE, 1)
    return (cover * cloth + (1 - cover) * background * light).clamp(0, 1)


def _sketch(gray: Tensor, cover: Tensor, colour: Tensor, background: Tensor) -> Tensor:
    """Tinted paper, a flat wash of the object's colour, dark pencil contours and folds."""
    paper = torch.tensor([0.97, 0.95, 0.90]).view(1, 3, 1, 1) * (0.30 + 0.70 * background)
    wash = paper * (1 - 0.62 * cover) + 0.62 * cover * colour * (0.75 + 0.25 * gray)
    contour = _edges(gray, cover, gain=1.5)
    return wash * (1 - contour) + 0.12 * contour


def _halftone(cover: Tensor, photo: Tensor) -> Tensor:
    """Dots of the picture's colour on white paper; a darker picture has larger dots."""
    cell = F.avg_pool2d(_pad_to_pitch(photo), _PITCH, _PITCH)
    darkness = (1 - (cell * _LUMINANCE).sum(1, keepdim=True)).clamp(0, 1)
    peak = cell.amax(1, keepdim=True)
    ink = cell / peak.clamp_min(0.05) * (0.25 + 0.65 * peak)
    covered = F.avg_pool2d(_pad_to_pitch(cover), _PITCH, _PITCH)
    radius = (0.22 + 0.40 * (0.6 * darkness + 0.4 * covered)) * _PITCH
    offset = torch.arange(SIDE) % _PITCH - (_PITCH - 1) / 2
    distance = (offset.view(1, -1) ** 2 + offset.view(-1, 1) ** 2).sqrt()
    dot = (_per_cell(radius) - distance + 0.5).clamp(0, 1)
    return 0.97 * (1 - dot) + _per_cell(ink) * dot


def _mosaic(photo: Tensor) -> Tensor:
    """Tiles of the picture's mean colour with a bright edge and dark grout between them."""
    tile = _per_cell(F.avg_pool2d(_pad_to_pitch(photo), _PITCH, _PITCH))
    position = torch.arange(SIDE) % _PITCH
    grout = ((position == 0).view(1, -1) | (position == 0).view(-1, 1)).float()
    shine = ((position == 1).view(1, -1) | (position == 1).view(-1, 1)).float()
    return tile * 1.08 * (1 + 0.12 * shine) * (1 - grout) + grout * 0.45 * (tile * 0.5 + 0.3)


def _cartoon(
    gray: Tensor, cover: Tensor, colour: Tensor, background: Tensor, on_black: Tensor
) -> Tensor:
    """Three flat tones in a thick outline: black, or white where black would not show."""
    tone = (gray * 3).floor().clamp(0, 2) / 2
    inside = cover.round()
    outline = F.max_pool2d(inside, 3, 1, 1) - inside
    fill = colour * (0.45 + 0.55 * tone) + 0.12 * tone
    ink = torch.where(on_black, 0.97, 0.02)
    return (inside * fill + (1 - inside) * background) * (1 - outline) + ink * outline


def _neon(gray: Tensor, cover: Tensor, colour: Tensor, background: Tensor) -> Tensor:
    """A dark room in the background's tint, contours that glow in the object's colour."""
    tube = _edges(gray, cover, gain=1.8)
    glow = _blur(tube, sigma=1.2).clamp(0, 1)
    room = 0.035 + background * 0.16 + 0.16 * colour * cover
    lit = room + glow * (colour * 0.85 + 0.15) * 1.05
    return lit * (1 - 0.85 * tube) + 0.85 * tube * (colour * 0.65 + 0.35)


def _edges(gray: Tensor, cover: Tensor, gain: float) -> Tensor:
    """Sobel gradient magnitude of coverage and shading together, in [0, 1]."""
    across = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]) / 4
    kernels = torch.stack([across, across.T])[:, None]
    total = torch.zeros_like(gray)
    for plane in (cover * 0.8, gray * cover):
        slope = F.conv2d(F.pad(plane, (1,) * 4, mode="replicate"), kernels)
        total = total + slope.pow(2).sum(1, keepdim=True).sqrt()
    return (total * gain).clamp(0, 1)


def _blur(plane: Tensor, sigma: float) -> Tensor:
    reach = int(3 * sigma + 0.5)
    offset = torch.arange(-reach, reach + 1.0)
    kernel = torch.exp(-(offset**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    padded = F.pad(plane, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))


def _pad_to_pitch(picture: Tensor) -> Tensor:
    missing = -SIDE % _PITCH
    return F.pad(picture, (0, missing, 0, missing), mode="replicate")


def _per_cell(cell: Tensor) -> Tensor:
    return F.interpolate(cell, scale_factor=_PITCH, mode="nearest")[..., :SIDE, :SIDE]
