"""`unlearn history`: every registered version that erased a concept."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table as TextTable
from rich.text import Text

from pipeline.cli.options import HomeOption
from pipeline.cli.terminal import RESULTS, say

if TYPE_CHECKING:
    from pipeline.tracking.history import Entry, Event, History

_NUMBERS = ("ua", "ira", "cra", "alignment")


def history(
    concept: Annotated[
        str, typer.Argument(metavar="CONCEPT", help="What was erased, for example sneaker.")
    ],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print it as JSON, for other programs.")
    ] = False,
    _home: HomeOption = None,
) -> None:
    """List the registered versions from which a concept was erased, over all sweeps, newest first.

    With their aliases, the second judge's numbers and what became of them at their gate; below,
    who made which version champion, or took it back, when and why.
    """
    from pipeline.tracking.desk import registry_client
    from pipeline.tracking.history import history as read

    with registry_client() as client:
        found = read(client, concept)
    if as_json:
        typer.echo(json.dumps(_plain(found), indent=1))
        return
    _show(found)


def _plain(found: History) -> dict[str, Any]:
    return {
        "concept": found.concept,
        "versions": [asdict(entry) for entry in found.versions],
        "events": [
            {"name": event.name, **event.change.model_dump(mode="json")} for event in found.events
        ],
    }


def _show(found: History) -> None:
    # Eight columns have to fit into a narrow terminal.
    drawn = TextTable(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("version", "standing", "when", "trial"):
        drawn.add_column(name, overflow="fold")
    for name in _NUMBERS:
        drawn.add_column(name, justify="right", no_wrap=True)
    drawn.add_column("gate")
    for entry in found.versions:
        numbers = [
            f"{entry.metrics[name]:.3f}" if name in entry.metrics else "" for name in _NUMBERS
        ]
        gate = ": ".join(part for part in (entry.gate, entry.override) if part)
        texts = (
            f"{entry.name}/{entry.version}",
            _standing(entry),
            entry.created[:10],
            _trial(entry),
            *numbers,
            gate,
        )
        # What others have written into tags is no markup.
        drawn.add_row(*map(Text, texts))
    RESULTS.print(drawn)
    for event in found.events:
        say(_in_words(event))


def _trial(entry: Entry) -> str:
    """Where it comes from; where its base had forgotten something already, what came after what."""
    trial = "" if entry.sweep is None else f"{entry.sweep}/{entry.trial}"
    before = entry.erased_before
    return trial if before is None else f"{trial} ({entry.concept} after {before})"


def _standing(entry: Entry) -> str:
    """As aliases say; of a version without any, as its tag does."""
    if entry.aliases:
        return ", ".join(entry.aliases)
    return entry.standing if entry.standing in ("rolled back", "retired") else ""


def _in_words(event: Event) -> str:
    change = event.change
    match change.what:
        case "rolled back":
            done = f"rolled back from {change.was} to {change.version}"
        case "registered":
            done = f"{change.version} registered as challenger"
        case "promoted" | "crowned":
            instead = "" if change.was is None else f" in place of {change.was}"
            done = f"{change.version} {change.what}{instead}"
    reason = f": {change.why}" if change.why else ""
    return f"{change.at[:19].replace('T', ' ')}  {event.name}: {done} by {change.by}{reason}"
