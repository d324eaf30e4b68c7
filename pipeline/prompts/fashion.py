"""The words of Fashion Canvas, by the names that its pictures are made with."""

from __future__ import annotations

from typing import Final

from pipeline.config import EMBEDDED_NAME
from pipeline.prompts.vocabulary import vocabulary

_AXES: Final = vocabulary(EMBEDDED_NAME).axes

OBJECTS: Final = _AXES["object"]
STYLES: Final = _AXES["style"]
COLOURS: Final = _AXES["colour"]
BACKGROUNDS: Final = _AXES["background"]
