"""`unlearn pareto`: the front of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table as TextTable

from pipeline.cli.options import HomeOption, SweepArgument
from pipeline.cli.terminal import RESULTS, note, say

if TYPE_CHECKING:
    from pipeline.tracking.table import Row, Table

_ALSO: Final = ("ua", "ira", "cra", "worst_neighbour")
"""Shown beside the objectives, as far as measured."""


def pareto(sweep: SweepArgument, _home: HomeOption = None) -> None:
    """Show a sweep's front, draw it into pareto.html and pictures, and bring MLflow up to date.

    On the front are the trials that no other trial beats in one objective without losing in
    another.
    """
    from pipeline.cli.folders import existing_sweep
    from pipeline.search.records import read_sweep
    from pipeline.tracking.figure_files import write_figures
    from pipeline.tracking.ledger import server_name
    from pipeline.tracking.mirror import Mirror
    from pipeline.tracking.page.sweep_data import SweepPages
    from pipeline.tracking.table import table_of

    record = read_sweep(existing_sweep(sweep))
    table = table_of(record)
    written = write_figures(record, table, record.folder, SweepPages())
    _show(table)
    for earlier, taken in record.taken.items():
        say(f"warm start: {taken.in_words(earlier)}")
    for path in written:
        say(str(path))
    mirror = Mirror(record.folder)
    lacking = mirror.sync_once()
    if lacking:
        server = server_name(mirror.uri)
        note(f"MLflow ({server}) has not got all of it yet: {lacking.reason}", "yellow")


def _show(table: Table) -> None:
    """The front, best first by the first objective, with what made each member."""
    complete, _ = table.results()
    if not complete:
        note(f"{table.sweep}: no trial is complete yet", "yellow")
        return
    first, direction = next(iter(table.objectives.items()))
    front = [row for row in complete if row.trial in table.front]
    front.sort(key=lambda row: row.metrics[first], reverse=direction == "maximize")
    also = (name for name in _ALSO if any(name in row.metrics for row in front))
    shown = list(dict.fromkeys([*table.objectives, *also]))
    say(f"{table.sweep}: {len(front)} of {len(complete)} complete trials on the front")
    drawn = TextTable("trial", box=SIMPLE_HEAD, pad_edge=False)
    for name in shown:
        style = "bold" if name in table.objectives else ""
        drawn.add_column(name, justify="right", style=style, no_wrap=True)
    for row in front:
        drawn.add_row(str(row.trial), *(_number(row.metrics.get(name)) for name in shown))
    if table.base:
        drawn.add_row("base", *(_number(table.base.get(name)) for name in shown), style="dim")
    RESULTS.print(drawn)
    for row in front:
        say(f"{row.trial:>5}  {_parameters(row)}")
    for row in table.rows:
        if row.stopped_at is not None:
            say(f"{row.trial:>5}  stopped early: {_rungs(row)}")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _rungs(row: Row) -> str:
    return "; ".join(
        f"step {step}: " + ", ".join(f"{name} {_number(value)}" for name, value in values.items())
        for step, values in row.rungs.items()
    )


def _parameters(row: Row) -> str:
    return ", ".join(
        f"{path.rpartition('.')[2]} {value:.3g}"
        if isinstance(value, float)
        else f"{path.rpartition('.')[2]} {value}"
        for path, value in row.params.items()
    )
