"""`unlearn reproduce`: a promoted model made anew from its record alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.bars import bars
from pipeline.cli.claiming import claim
from pipeline.cli.findings import show_findings
from pipeline.cli.mistakes import INTERRUPTED
from pipeline.cli.options import HomeOption, VersionArgument
from pipeline.cli.terminal import note, say


def reproduce(
    version: VersionArgument,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Its folder; reproductions/SWEEP-NUMBER if absent."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Where the base lies here, if not where it lay when it was used."
        ),
    ] = None,
    _home: HomeOption = None,
) -> None:
    """Train and judge a promoted model anew from its manifest alone, and compare everything.

    The same base, seeds and judges as recorded: on a CPU with the same libraries all weights and
    metrics come out the same; elsewhere metrics may be up to 0.02 off. Exit code 1 where they
    differ. An interrupted one goes on from its last checkpoint.
    """
    from pipeline.config.user_path import user_path
    from pipeline.search.places import home
    from pipeline.tracking.fetching import fetched
    from pipeline.tracking.reproduction import RECORD, plan_again
    from pipeline.tracking.reproduction import reproduce as reproduced

    with fetched(version, RECORD) as found:
        plan = plan_again(found, base)
        last = found.name.rpartition("/")[2] if found.tags else found.folder.resolve().name
        own = home() / "reproductions" / f"{plan.experiment.name}-{last}"
        folder = (own if out is None else user_path(str(out))).resolve()
        claim(folder, plan.experiment)
        note(f"training and judging in {folder}")
        try:
            with bars() as shown:
                findings = reproduced(
                    found,
                    plan,
                    folder,
                    lambda done, total: shown.show("second judgement", done, total),
                )
        except KeyboardInterrupt:
            note("interrupted; the same command goes on from the last checkpoint")
            raise typer.Exit(INTERRUPTED) from None
    say(str(folder))
    show_findings(found.name, findings)
