"""A sweep as the page's JSON."""

from __future__ import annotations

from typing import Any, Final

from pipeline.config.user_path import without_machine
from pipeline.search.importance import LEAST_TRIALS, importances
from pipeline.search.records import SweepRecord
from pipeline.search.reference import ReferenceFinder
from pipeline.tracking.choose import choose
from pipeline.tracking.page.details import DetailReader
from pipeline.tracking.page.trial_data import Columns, Entry, scales, trials_data
from pipeline.tracking.table import Table, table_of

_COLOUR: Final = "#D55E00"
_IMPORTANCE_EVERY: Final = 0.02
"""Share by which a sweep has grown before its importances are computed anew."""


class SweepPages:
    """Tells what a sweep's page shows again and again, at the cost of what is new."""

    def __init__(self) -> None:
        self._details = DetailReader()
        self._references = ReferenceFinder()
        self._importances: tuple[int, dict[str, dict[str, float]]] = (0, {})

    def data(self, record: SweepRecord, table: Table) -> dict[str, Any]:
        """What the page shows.

        Args:
            record: the sweep.
            table: its trials.

        Returns:
            What the programs beside this file read, all of it plain data.
        """
        columns = Columns(table.rows, table.objectives)
        folders = {trial.number: trial.folder for trial in record.trials}
        entries = [
            Entry(row, folders[row.trial], 0, row.trial in table.front) for row in table.rows
        ]
        base = without_machine(record.space.base)
        return {
            "kind": "sweep",
            "name": table.sweep,
            "title": f"{', '.join(record.space.concept.values)} erased from {base}",
            "status": record.status,
            "objectives": [{"name": n, "direction": d} for n, d in table.objectives.items()],
            "metrics": columns.metrics,
            "params": columns.described(scales(record)),
            "groups": [{"name": "trials", "colour": _COLOUR, "symbol": "diamond"}],
            "base": columns.metrics_of(table.base),
            "highlights": _highlights(record, table),
            "importance": self.importances(record),
            "least_for_importance": LEAST_TRIALS,
            "volumes": self._volumes(record, table),
            **trials_data(entries, columns, self._details),
        }

    def importances(self, record: SweepRecord) -> dict[str, dict[str, float]]:
        """See `pipeline.search.importance`; of a running sweep they may be a few trials old."""
        complete = sum(trial.values is not None for trial in record.trials)
        seen, found = self._importances
        grown = complete > seen * (1 + _IMPORTANCE_EVERY)
        # At the end in any case: then the page says what it will go on saying.
        if grown or (complete != seen and record.status != "running"):
            found = importances(record)
            self._importances = (complete, found)
        return found

    def reference(self, record: SweepRecord) -> SweepRecord | None:
        """The random search of the same space, if there is one beside the sweep."""
        return self._references.find(record)

    def _volumes(self, record: SweepRecord, table: Table) -> list[dict[str, Any]]:
        """This sweep's hypervolume over trials, and random search's where there is one."""
        lines = [volume_line(table, "this sweep", group=0)]
        reference = self.reference(record)
        if reference is not None:
            name = f"random search of the same space ({reference.name})"
            lines.append(volume_line(table_of(reference), name, group=None))
        return lines


def volume_line(table: Table, name: str, group: int | None) -> dict[str, Any]:
    """A sweep's hypervolume over its own trials, looking like a group or, for None, a reference."""
    places, values = table.volumes()
    return {"name": name, "group": group, "trials": places, "values": values}


def _highlights(record: SweepRecord, table: Table) -> list[dict[str, Any]]:
    """The trials to look at first: what `choose` takes where nothing is asked for, and the best."""
    members = [row for row in table.rows if row.trial in table.front]
    if not members:
        return []
    found = [{"label": "most to spare on all sides", "trial": choose(record, {}).number}]
    for place, (name, direction) in enumerate(table.objectives.items()):
        sign, way = (1, "highest") if direction == "maximize" else (-1, "lowest")
        # Of equal ones the first on the front: a dominated trial may have the same value.
        best = max(members, key=lambda row: sign * (row.values or ())[place])
        found.append({"label": f"{way} {name}", "trial": best.trial})
    return [{"group": 0, **each} for each in found]
