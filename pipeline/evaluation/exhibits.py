"""Judged pictures that anybody can draw again: what was asked, and what must come out.

A line says a picture's prompt, its seed, the SHA-256 of its levels, and the mean colours of a few
cells, which are all that a blurred gallery shows. The picture itself lies beside the lines only
where galleries are not blurred: nobody keeps a sensitive one, and it can be compared all the same.

Legend: N pictures; levels are uint8, (N, 3, H, W); C cells across and down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.sampling import Progress, Sampler
from pipeline.diffusion.store import Store
from pipeline.evaluation.answers import draw
from pipeline.evaluation.judge import Evaluation
from pipeline.evaluation.levels import levels_of
from pipeline.evaluation.questions import Questions
from pipeline.prompts.prompt import Prompt

LINES: Final = "pictures.jsonl"
"""In the folder of exhibits. Not `.json`, which would count for the fingerprint of the model."""

TOLERANCE: Final = 0.5
"""Mean distance of cells, in levels, up to which a picture is the same one, drawn elsewhere.

On Fashion Canvas float32 in place of bfloat16 moves it by at most 0.09, another seed by at least
2.6, and noise of a tenth of the weights' own deviation by 0.2 to 0.6."""

_CELLS: Final = 6


class Exhibit(BaseModel):
    """One judged picture, as far as it must be known to tell whether another one is the same."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    text: str
    """The prompt."""
    seed: int
    """Of the picture's noise."""
    guidance: FiniteFloat | None = None
    """The prompt's own guidance scale; None for that of the sampling."""
    names_concept: bool
    """Whether the prompt asks for what was erased."""
    sha256: str
    """Of its levels, row by row, red before green before blue."""
    cells: Annotated[
        tuple[FiniteFloat, ...], Field(min_length=3 * _CELLS**2, max_length=3 * _CELLS**2)
    ]
    """Mean level of each of 3 C² cells, 0 to 255."""

    def same(self, levels: Tensor) -> bool:
        """Whether this is the very picture (3, H, W)."""
        return _digest(levels) == self.sha256

    def distance(self, levels: Tensor) -> float:
        """Mean absolute difference of cells from those of a picture (3, H, W), in levels."""
        mean = (_cells(levels) - torch.tensor(self.cells, dtype=torch.float64)).abs().mean()
        return float(mean)


def save_exhibits(evaluation: Evaluation, count: int, folder: Path) -> None:
    """Write up to `count` pictures of an evaluation, those that its gallery shows first.

    Args:
        evaluation: whose pictures they are; where it is blurred, none is kept itself.
        count: half of them of forget prompts.
        folder: gets `pictures.jsonl` and, unless they are sensitive, a PNG each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for place, row in enumerate(evaluation.shown(count)):
        picture = evaluation.report.pictures[row]
        levels = levels_of(evaluation.images[row])
        exhibit = Exhibit(
            text=picture.text,
            seed=picture.seed,
            guidance=picture.guidance,
            names_concept=row < evaluation.report.images.forget,
            sha256=_digest(levels),
            cells=tuple(round(cell, 2) for cell in _cells(levels).tolist()),
        )
        lines.append(exhibit.model_dump_json() + "\n")
        if not evaluation.blurred:
            Image.fromarray(levels.permute(1, 2, 0).numpy()).save(folder / f"{place:02d}.png")
    (folder / LINES).write_text("".join(lines), encoding="utf-8")


def load_exhibits(folder: Path) -> tuple[Exhibit, ...]:
    """Read what `save_exhibits` wrote; nothing where nothing was kept.

    Raises:
        ValueError: a line is none that it would write.
    """
    path = folder / LINES
    if not path.is_file():
        return ()
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            found.append(Exhibit.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the line"
            raise ValueError(
                f"{path}, line {number}: expected a judged picture, got at {where}: "
                f"{first['msg']}; promote the trial again"
            ) from error
    return tuple(found)


def redraw(
    model: DiffusionModel,
    exhibits: Sequence[Exhibit],
    sampler: Sampler,
    progress: Progress | None = None,
) -> Tensor:
    """Have a model draw exhibits again, as an evaluation does: levels (N, 3, H, W).

    Args:
        model: that was judged.
        exhibits: N of its pictures.
        sampler: how they were sampled; of another batch size a picture would round otherwise.
        progress: told how many are done.
    """
    prompts = tuple(Prompt(each.text, seed=each.seed, guidance=each.guidance) for each in exhibits)
    questions = Questions(prompts, tuple(each.seed for each in exhibits), sampler)
    with TemporaryDirectory() as pictures:
        return draw(model, questions, Store(Path(pictures)), progress or (lambda *_: None))


def _digest(levels: Tensor) -> str:
    return hashlib.sha256(levels.contiguous().numpy().tobytes()).hexdigest()


def _cells(levels: Tensor) -> Tensor:
    return adaptive_avg_pool2d(levels.double(), _CELLS).flatten()
