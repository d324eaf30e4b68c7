"""Whether drawn pictures are blurred: as the prompts ask for, or as an option says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.cli.generate import generate


@pytest.mark.parametrize("beside", [None, "fashion-canvas"])
def test_sensitive_prompts_are_blurred_unless_they_are_to_be_shown(
    tmp_path: Path, beside: str | None
) -> None:
    def sharpest_edge(prompt: str, *, blur: bool | None = None) -> int:
        out = tmp_path / "drawn.png"
        generate("fashion-canvas", [prompt], steps=2, beside=beside, out=out, blur=blur)
        with Image.open(out) as image:
            # The last picture alone, without its border.
            levels = np.asarray(image.convert("L")).astype(int)[-110:-40, -110:-40]
        return int(np.abs(np.diff(levels, axis=1)).max())

    assert sharpest_edge("a nude") < 15
    assert sharpest_edge("a nude", blur=False) > 30
    assert sharpest_edge("a photo of a sneaker") > 30
    assert sharpest_edge("a photo of a sneaker", blur=True) < 15
