"""`unlearn promote`: from a member of the front to a model that is registered and loads anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from pipeline.cli.bars import bars
from pipeline.cli.mistakes import Unsuccessful
from pipeline.cli.options import HomeOption, SweepArgument
from pipeline.cli.terminal import note, say


def promote(
    sweep: SweepArgument,
    trial: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="This one, if it meets the bounds; any if absent."),
    ] = None,
    at_least: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=VALUE",
            help="Bound to meet, for example erasure=0.95; may be repeated.",
        ),
    ] = None,
    _home: HomeOption = None,
) -> None:
    """Choose a member of the front, judge it anew, and register it as the champion.

    Of those that meet all bounds the one with the most to spare is taken. The second classifier,
    which no search uses, judges it on fresh seeds and more images before it is registered.
    """
    from pipeline.cli.folders import existing_sweep

    constraints = bounds(at_least or ())
    folder = existing_sweep(sweep)


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
