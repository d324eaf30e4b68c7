"""`unlearn crown` and `unlearn rollback`: which version counts."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.options import HomeOption
from pipeline.cli.terminal import note, say


def crown(
    version: Annotated[
        str,
        typer.Argument(metavar="VERSION", help="NAME/NUMBER or NAME@challenger, of the registry."),
    ],
    because: Annotated[
        str, typer.Option(metavar="REASON", help="Recorded with the change, and who made it.")
    ] = "",
    _home: HomeOption = None,
) -> None:
    """Make a registered version the champion: the challenger, or an earlier one.

    The champion before it becomes `previous`. Nothing is judged again: a version is registered
    only after its second judgement.
    """
    from pipeline.search.places import sweeps_folder
    from pipeline.tracking.desk import registry_client
    from pipeline.tracking.marks import marking
    from pipeline.tracking.succession import crown as crowned
    from pipeline.tracking.succession import finish
    from pipeline.tracking.version_name import VersionName

    named = VersionName.parse(version)
    reason = _reason(because)
    with registry_client() as client:
        tell = marking(sweeps_folder())
        finish(client, named.model, tell)  # it may say who is the challenger
        number = int(named.find(client).version)
        change = crowned(client, named.model, number, reason, tell)
    say(f"{named.model} version {number} is now champion")
    if change.was is not None:
        say(f"the champion before it, version {change.was}, keeps the alias previous")


def rollback(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="Name of a registered model: its sweep's, or --into."),
    ],
    because: Annotated[
        str, typer.Option(metavar="REASON", help="Why; recorded, with who and when.")
    ],
    _home: HomeOption = None,
) -> None:
    """Make the previous champion the champion again.

    The version that is taken back keeps its files and loses its alias: a second rollback goes
    further back, never forward to it. One that was interrupted is finished by the same command.
    """
    from pipeline.search.places import sweeps_folder
    from pipeline.tracking.desk import registry_client
    from pipeline.tracking.marks import marking
    from pipeline.tracking.succession import rollback as rolled_back
    from pipeline.tracking.version_name import check_model_name

    check_model_name(model)
    reason = _reason(because)
    if not reason:
        raise ValueError(
            "--because: expected the reason why the champion is taken back, got nothing; give one "
            "sentence"
        )
    with registry_client() as client:
        change = rolled_back(client, model, reason, marking(sweeps_folder()))
    if change.why != reason:
        note(f"this finished the rollback of {change.at} by {change.by}, and made no other one")
    say(f"{model} version {change.champion} is champion again, in place of version {change.was}")


def _reason(text: str) -> str:
    from pipeline.tracking.limits import check_reason

    reason = " ".join(text.split())
    check_reason("--because", reason)
    return reason
