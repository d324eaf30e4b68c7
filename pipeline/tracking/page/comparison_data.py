"""The methods of a comparison on one target as the page's JSON: each method its own front."""

from __future__ import annotations

from typing import Any

from pipeline.search.comparison_record import ComparisonRecord, PairRecord
from pipeline.search.records import SweepRecord
from pipeline.tracking.comparison.results import MethodResult, TargetResult
from pipeline.tracking.comparison.series import Series, series_of
from pipeline.tracking.page.details import DetailReader
from pipeline.tracking.page.sweep_data import volume_line
from pipeline.tracking.page.trial_data import Columns, Entry, scales, trials_data
from pipeline.tracking.table import Table, table_of

_FIRST_LOOKS = 3  # methods whose chosen trials the page points at


def comparison_data(record: ComparisonRecord, target: TargetResult) -> dict[str, Any]:
    """What the page of a target shows; see `SweepPages.data` for the form.

    A method is a group with a colour and a symbol of its own. It is told by the trials of its
    search: those that were judged on other pictures, trained anew with other seeds, are in the
    table of results and no points beside these.

    Raises:
        ValueError: no method has a front.
    """
    series = series_of(target)
    if not series:
        raise ValueError(f"{target.target}: expected a method with a front, found none")
    sweeps = _sweeps(record, target)
    searched = [(each, sweeps[each.method.method]) for each in series]
    tables = [table_of(sweep) for _, sweep in searched]
    entries = [
        entry
        for group, ((each, sweep), table) in enumerate(zip(searched, tables, strict=True))
        for entry in _entries(group, each.method, sweep, table)
    ]
    columns = Columns([entry.row for entry in entries], target.objectives)
    by_logarithm = {path: log for _, sweep in searched for path, log in scales(sweep).items()}
    waiting = f"; not run yet: {', '.join(target.waiting)}" if target.waiting else ""
    return {
        "kind": "comparison",
        "name": f"{record.name}, {target.target}",
        "title": f"{len(series)} methods, each with its own front{waiting}",
        "beside_names": f"hypervolumes{_means(series)}",
        "status": "finished" if all(each.method.has_ended for each in series) else "running",
        "objectives": [{"name": n, "direction": d} for n, d in target.objectives.items()],
        "metrics": columns.metrics,
        "params": columns.described(by_logarithm),
        "groups": [_group(each) for each in series],
        "base": columns.metrics_of(target.searched_base),
        "highlights": _highlights(series),
        "importance": {},
        "volumes": [
            volume_line(table, each.method.method, group)
            for group, (each, table) in enumerate(zip(series, tables, strict=True))
        ],
        **trials_data(entries, columns, DetailReader()),
    }


def _sweeps(record: ComparisonRecord, target: TargetResult) -> dict[str, SweepRecord]:
    def is_its(pair: PairRecord) -> bool:
        return pair.pair.target == target.target

    return {
        pair.pair.method: pair.sweep
        for pair in filter(is_its, record.pairs)
        if pair.sweep is not None
    }


def _entries(group: int, method: MethodResult, sweep: SweepRecord, table: Table) -> list[Entry]:
    folders = {trial.number: trial.folder for trial in sweep.trials}
    return [
        Entry(
            row,
            folders[row.trial],
            group,
            is_front=row.trial in table.front,
            is_chosen=row.trial == method.chosen,
        )
        for row in table.rows
    ]


def _means(series: list[Series]) -> str:
    """What hypervolumes are means of, where there are several searches of a method."""
    counts = sorted({len(each.method.searches) for each in series})
    if counts[-1] < 2:  # noqa: PLR2004
        return ""
    of = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f", means of {of} searches, the first of which is shown"


def _group(series: Series) -> dict[str, str]:
    return {
        "name": series.method.method,
        "label": f"{series.method.method} {series.method.hypervolume:.4f}",
        "colour": series.colour,
        "symbol": series.symbol,
    }


def _highlights(series: list[Series]) -> list[dict[str, Any]]:
    """The chosen ones of the methods that cover most."""
    return [
        {"label": f"{each.method.method}, chosen", "trial": each.method.chosen, "group": group}
        for group, each in enumerate(series)
        if each.method.chosen is not None
    ][:_FIRST_LOOKS]
