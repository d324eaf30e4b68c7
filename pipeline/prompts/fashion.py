"""The words of Fashion Canvas: what its pictures can show, and who is whose neighbour.

Fashion Canvas is UnlearnCanvas (Zhang et al. 2024, arXiv 2402.11846) in miniature: objects and
styles are the two axes from which something can be erased, colours and backgrounds are context.
"""

from __future__ import annotations

from typing import Final

OBJECTS: Final = (
    "t-shirt",
    "trousers",
    "pullover",
    "dress",
    "sandal",
    "sneaker",
    "bag",
    "ankle boot",
)
STYLES: Final = ("photo", "pencil sketch", "halftone", "mosaic", "cartoon", "neon")
COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple")
BACKGROUNDS: Final = ("white", "gray", "black", "pink", "cyan")

# The values that an erasure is most likely to drag along, nearest first.
NEIGHBOURS: Final[dict[str, tuple[str, ...]]] = {
    "t-shirt": ("pullover", "dress"),
    "trousers": ("dress", "pullover"),
    "pullover": ("t-shirt", "dress"),
    "dress": ("t-shirt", "pullover"),
    "sandal": ("sneaker", "ankle boot"),
    "sneaker": ("sandal", "ankle boot"),
    "bag": ("t-shirt", "ankle boot"),
    "ankle boot": ("sneaker", "sandal"),
    "photo": ("cartoon", "pencil sketch"),
    "pencil sketch": ("cartoon", "neon"),
    "halftone": ("mosaic", "cartoon"),
    "mosaic": ("halftone", "cartoon"),
    "cartoon": ("pencil sketch", "neon"),
    "neon": ("cartoon", "pencil sketch"),
}
