"""`unlearn export`: a registered version as files that plain diffusers loads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.mistakes import Unsuccessful
from pipeline.cli.options import HomeOption, VersionArgument
from pipeline.cli.terminal import note, say


def export(
    version: VersionArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder.")],
    form: Annotated[
        Literal["folder", "lora"],
        typer.Option(
            "--as",
            help="A complete folder for `from_pretrained`, or the adapters of a version that was "
            "promoted as lora, for `load_lora_weights`.",
        ),
    ] = "folder",
    _home: HomeOption = None,
) -> None:
    """Write a promoted model into a folder that plain diffusers loads.

    Every hash is checked first. Adapters or changed tensors are put around their base, which must
    be there, unless adapters are asked for. The folder appears whole or not at all.
    """
    from pipeline.config.user_path import user_path
    from pipeline.tracking.checks import NotAsRecordedError
    from pipeline.tracking.export import check_target
    from pipeline.tracking.export import export as exported
    from pipeline.tracking.fetching import fetched

    target = check_target(user_path(str(folder)))
    try:
        with fetched(version) as found:
            exported(found, target, form)
    except NotAsRecordedError as error:
        raise Unsuccessful(f"{error}; nothing was written") from error
    say(str(target))
    loader = "from_pretrained" if form == "folder" else "load_lora_weights"
    note(f"{found.name}, for {loader} of plain diffusers")
