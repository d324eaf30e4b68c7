"""Options and arguments that several verbs share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def _make_home(folder: Path | None) -> Path | None:
    if folder is None:
        return None
    if folder.exists() and not folder.is_dir():
        raise typer.BadParameter(f"expected a folder, {folder} is a file")
    # Every room, and every trial in a process of its own, reads it from here.
    os.environ["UNLEARN_HOME"] = str(folder.resolve())
    return folder


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        callback=_make_home,
        is_eager=True,
        help="Folder of sweeps, cache and records; $UNLEARN_HOME or the current folder if absent.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a setting of the file, for example update.steps=20; may be repeated.",
    ),
]
SweepArgument = Annotated[
    str, typer.Argument(metavar="SWEEP", help="Name of a sweep, as `unlearn sweep` printed it.")
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="fashion-canvas, a diffusers folder, a hub id, SWEEP/TRIAL or SWEEP/champion.",
    ),
]
VersionArgument = Annotated[
    str,
    typer.Argument(
        metavar="VERSION",
        help="NAME/NUMBER or NAME@ALIAS of the registry, such as demo/3 or demo@champion, or a "
        "promoted folder.",
    ),
]
BlurOption = Annotated[
    bool | None,
    typer.Option(
        "--blur/--show",
        help="Blur the pictures that are drawn, or do not; as the experiment and the prompts ask "
        "for if absent.",
    ),
]
