"""`unlearn canvas build`: the embedded benchmark, again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.bars import bars
from pipeline.cli.mistakes import INTERRUPTED
from pipeline.cli.terminal import note, say

canvas = typer.Typer(
    help="The embedded benchmark, Fashion Canvas.", no_args_is_help=True, add_completion=False
)


@canvas.callback()
def _about() -> None:
    """The embedded benchmark, Fashion Canvas."""


@canvas.command("build")
def build_canvas(
    photographs: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of Fashion-MNIST's four .gz files; Debian's dataset-fashion-mnist if "
            "absent.",
        ),
    ] = None,
    work: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for everything that is made.")
    ] = Path("canvas-build"),
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE", help="Run this stage alone; may be repeated."),
    ] = None,
) -> None:
    """Make the embedded base model and its judges again; an interrupted build goes on.

    Takes a few hours on two cores. Seeds are fixed.
    """
    for option, folder in (("--photographs", photographs), ("--work", work)):
        if folder is not None and folder.exists() and not folder.is_dir():
            raise ValueError(f"{option}: expected a folder, {folder} is a file")
    if photographs is not None and not photographs.exists():
        raise ValueError(f"--photographs: expected a folder, there is no {photographs}")
    from pipeline.canvas.build import STAGES, build
    from pipeline.canvas.photographs import DEBIAN_FOLDER

    wanted = only or list(STAGES)
    unknown = [stage for stage in wanted if stage not in STAGES]
    if unknown:
        raise ValueError(f"--only: expected {', '.join(STAGES)}; got {', '.join(unknown)}")
    stages = tuple(stage for stage in STAGES if stage in wanted)
    try:
        with bars() as shown:
            build(
                photographs or DEBIAN_FOLDER,
                work,
                stages,
                lambda what, done, total, loss: shown.show(
                    what, done, total, f"loss {loss:.4f}" if loss else ""
                ),
            )
    except KeyboardInterrupt:
        note("interrupted; the same command goes on from here")
        raise typer.Exit(INTERRUPTED) from None
    say(f"built in {work}")
