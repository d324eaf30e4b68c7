"""`unlearn verify`: is a registered version what was judged?"""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.bars import bars
from pipeline.cli.findings import show_findings
from pipeline.cli.options import HomeOption, VersionArgument


def verify(
    version: VersionArgument,
    pictures: Annotated[
        int, typer.Option(min=0, max=100, help="Kept pictures that are drawn again, at most.")
    ] = 8,
    _home: HomeOption = None,
) -> None:
    """Check every file of a promoted model, its base and libraries, and have it draw again.

    A version is downloaded from the registry for the time of the check. Its files must have the
    hashes of its manifest, and some pictures that were judged must come out again: to the bit with
    the same libraries and processor, else up to half a level of 256 in their cells' mean colours.
    Exit code 1 where anything differs.
    """
    from pipeline.tracking.fetching import fetched
    from pipeline.tracking.verification import verify as verified

    with fetched(version) as found, bars() as shown:
        findings = verified(
            found, pictures, lambda done, total: shown.show("pictures", done, total)
        )
    show_findings(found.name, findings)
