"""`unlearn promote`: from a member of the front to a registered model that loads anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.cli.bars import bars
from pipeline.cli.evaluate import show_report
from pipeline.cli.gate import show_gate
from pipeline.cli.mistakes import Unsuccessful
from pipeline.cli.options import HomeOption, SweepArgument
from pipeline.cli.terminal import note, say

if TYPE_CHECKING:
    from pipeline.config import GateConfig
    from pipeline.search.records import SweepRecord
    from pipeline.tracking.promotion import Promotion


def promote(  # noqa: PLR0913 - one parameter an option
    sweep: SweepArgument,
    *,
    trial: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="This one, if it meets the bounds; any if absent."),
    ] = None,
    at_least: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=VALUE",
            help="Least value to be measured, for example erasure=0.95, beside what the gate asks "
            "for; may be repeated.",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="gate.PATH=VALUE",
            help="Change the gate of the sweep's file, for example gate.at_least.ua=0.9; may be "
            "repeated.",
        ),
    ] = None,
    override: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            help="Promote it although it falls short; the reason is recorded, with your user name.",
        ),
    ] = None,
    form: Annotated[
        Literal["folder", "lora", "delta"],
        typer.Option(
            "--as",
            help="A complete diffusers folder, the adapters of a LoRA training for plain "
            "diffusers' load_lora_weights, or the changed tensors alone.",
        ),
    ] = "folder",
    challenger: Annotated[
        bool,
        typer.Option(
            "--challenger",
            help="Register it beside the champion and not in its place; `unlearn crown` makes it "
            "champion.",
        ),
    ] = False,
    into: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Registered model, so that several sweeps have one champion among them; called "
            "as the sweep if absent.",
        ),
    ] = None,
    _home: HomeOption = None,
) -> None:
    """Choose a member of the front, judge it anew, and register it as the champion.

    Of those that meet all bounds the one with the most to spare is taken. The second classifier,
    which no search uses, judges it on fresh seeds and more images, and the gate of the sweep's file
    holds the confidence bounds against its thresholds, before it is registered.
    """
    from pipeline.cli.folders import existing_sweep
    from pipeline.search.records import read_sweep
    from pipeline.tracking.version_name import check_model_name

    constraints = bounds(at_least or ())
    if into is not None:
        check_model_name(into)
    record = read_sweep(existing_sweep(sweep))
    gate = _gate(record, changes or ())
    from pipeline.tracking.candidate import Demands
    from pipeline.tracking.choose import NothingQualifiesError
    from pipeline.tracking.gate_result import Override
    from pipeline.tracking.promotion import NotConfirmedError
    from pipeline.tracking.promotion import promote as promoted
    from pipeline.tracking.registry import Listing

    demands = Demands(gate, constraints, None if override is None else Override.now(override))
    try:
        with bars() as shown:
            champion = promoted(
                record,
                demands,
                trial=trial,
                progress=lambda done, total: shown.show("second judgement", done, total),
                form=form,
                listing=Listing(into, challenger),
            )
    except NotConfirmedError as error:
        show_report(error.report)
        show_gate(error.gate)
        if error.unrecorded is not None:
            note(f"MLflow has not got the gate's verdict: {error.unrecorded}", "yellow")
        raise Unsuccessful(str(error)) from error
    except NothingQualifiesError as error:
        raise Unsuccessful(str(error)) from error
    _show(champion, sweep)


def _show(champion: Promotion, sweep: str) -> None:
    """What was judged, what it is registered as, and how to look at it."""
    from pipeline.tracking.ledger import server_name

    show_report(champion.report)
    show_gate(champion.gate)
    registered = champion.registered
    challenger = registered.alias == "challenger"
    say(
        f"trial {champion.trial} is now {registered.name} version {registered.version}, "
        f"{registered.alias}"
    )
    if registered.previous is not None:
        earlier = f"version {registered.previous}"
        kept = f"the champion before it, {earlier}, keeps the alias previous"
        say(f"{earlier} stays champion" if challenger else kept)
    say(str(champion.folder))
    model = champion.folder if challenger else f"{sweep}/champion"
    server = server_name(champion.uri)
    note(f"registered in {server}; see it with: unlearn generate {model} PROMPT...")


def _gate(record: SweepRecord, changes: Sequence[str]) -> GateConfig | None:
    """The gate of a sweep's file, with what the command line changes of it.

    Raises:
        ValueError: something else is to be changed, or no model could pass the gate.
    """
    from pipeline.config import load_space
    from pipeline.search.places import SPACE
    from pipeline.search.requirements import check_words

    for change in changes:
        if not change.startswith("gate."):
            raise ValueError(
                f"--set: expected a setting of the gate, such as gate.at_least.ua=0.9, got "
                f"{change}; all others were decided when the sweep began"
            )
    if not changes:
        return record.space.gate
    space = load_space(record.folder / SPACE, changes)
    check_words(space)
    return space.gate


def bounds(texts: Sequence[str]) -> dict[str, float]:
    """Least value by metric, of `metric=value`.

    Raises:
        ValueError: one is not of that form, or two are of the same metric.
    """
    found: dict[str, float] = {}
    for text in texts:
        metric, equals, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            equals = ""
        if not metric or not equals:
            raise ValueError(f"--at-least: expected METRIC=VALUE such as erasure=0.95, got {text}")
        if metric in found:
            raise ValueError(f"--at-least: expected one bound for {metric}, got two")
        found[metric] = value
    return found
