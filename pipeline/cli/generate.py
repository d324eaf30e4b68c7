"""`unlearn generate`: pictures of prompts, alone or beside another model's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.bars import bars
from pipeline.cli.options import BlurOption, HomeOption, ModelArgument
from pipeline.cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from pipeline.cli.models import FoundModel
    from pipeline.diffusion import DiffusionModel
    from pipeline.diffusion.sampling import Progress, Sampler

_MOST_AT_ONCE: Final = 8
_SHOWN_SIDE: Final = 128  # pixels that a small picture is enlarged to


def generate(  # noqa: PLR0913 - one parameter an option
    model: ModelArgument,
    prompts: Annotated[
        list[str], typer.Argument(metavar="PROMPT...", help="What to show; one picture each.")
    ],
    *,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Noise of the first picture of each prompt.")
    ] = 0,
    images: Annotated[
        int, typer.Option(min=1, max=64, help="Pictures of each prompt, with the seeds after it.")
    ] = 1,
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Sampler steps.")] = 25,
    guidance: Annotated[
        float, typer.Option(min=0, max=100, help="Classifier-free guidance; 1 is none.")
    ] = 3.0,
    beside: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Draw this model's pictures at the left, as `before`."),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="PNG", help="File that all pictures are drawn into.")
    ] = Path("generated.png"),
    blur: BlurOption = None,
    _home: HomeOption = None,
) -> None:
    """Generate pictures of prompts and draw them into one PNG.

    The same model, prompt, seed, steps and guidance give the same picture.
    """
    from pipeline.cli.models import find_model

    _check_png(out)
    found = find_model(model)
    found_beside = None if beside is None else find_model(beside)
    from pipeline.diffusion.sampling import Sampler
    from pipeline.evaluation.gallery import contact_sheet, gallery
    from pipeline.evaluation.sensitive import is_blurred

    texts = [text for text in prompts for _ in range(images)]
    seeds = [seed + place for _ in prompts for place in range(images)]
    sampler = Sampler(steps, guidance, min(len(texts), _MOST_AT_ONCE))
    with bars() as shown:

        def pictures(found: FoundModel, title: str) -> Tensor:
            return _pictures(
                found.load(), texts, seeds, sampler, lambda *done: shown.show(title, *done)
            )

        after = pictures(found, model)
        before = None if found_beside is None else pictures(found_beside, str(beside))
    scale = max(1, _SHOWN_SIDE // after.shape[-1])
    drawn = [each for each in (found, found_beside) if each is not None]
    blurred = any(is_blurred(each.experiment, prompts) for each in drawn) if blur is None else blur
    if before is None:
        contact_sheet(
            after, prompts, [f"seed {s}" for s in seeds[:images]], out, scale, blurred=blurred
        )
    else:
        captions = [f"{text}, seed {s}" for text, s in zip(texts, seeds, strict=True)]
        gallery(before, after, captions, out, scale, blurred=blurred)
    say(str(out))


def _check_png(out: Path) -> None:
    if out.suffix.lower() != ".png" or out.is_dir():
        raise ValueError(f"--out: expected the name of a .png file, got {out}")


def _pictures(
    model: DiffusionModel,
    texts: Sequence[str],
    seeds: Sequence[int],
    sampler: Sampler,
    progress: Progress,
) -> Tensor:
    from pipeline.diffusion.sampling import decode, sample_latents

    conditions, empty = model.encode_prompts(texts), model.encode_prompts([""])
    latents = sample_latents(model, conditions, seeds, sampler, empty=empty, progress=progress)
    return decode(model, latents)
