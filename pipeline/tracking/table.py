"""All trials of a sweep as one table: what the figures show and what MLflow keeps as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np

from pipeline.config import Objective
from pipeline.search.pareto import front_mask, hypervolume_history, reference_point
from pipeline.search.records import SweepRecord, TrialStatus


@dataclass(frozen=True)
class Row:
    """One trial.

    Attributes:
        trial: its number.
        state: how it stands; only complete ones can be on the front.
        params: searched parameters by dotted path.
        metrics: the report's metrics; empty unless the trial is complete.
        values: the objectives' values in the table's order; None unless complete.
        reason: why it failed or was stopped.
        rungs: the objectives where it might have been stopped early, by step (as text, for JSON);
            the last step is where it was, if it was.
    """

    trial: int
    state: TrialStatus
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    values: tuple[float, ...] | None
    reason: str | None = None
    rungs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def stopped_at(self) -> int | None:
        """The step after which it was stopped early; None unless it was."""
        return max(map(int, self.rungs)) if self.state == "pruned" and self.rungs else None


@dataclass(frozen=True)
class Table:
    """All trials of a sweep.

    Attributes:
        sweep: its name.
        objectives: direction by metric.
        base: the base model's own metrics.
        rows: trials by number.
    """

    sweep: str
    objectives: Mapping[str, Objective]
    base: Mapping[str, float]
    rows: tuple[Row, ...]

    @property
    def directions(self) -> Sequence[Objective]:
        """Directions in the objectives' order."""
        return list(self.objectives.values())

    @cached_property
    def front(self) -> frozenset[int]:
        """Numbers of the trials that no other one dominates."""
        complete, values = self.results()
        mask = front_mask(values, self.directions)
        return frozenset(row.trial for row, member in zip(complete, mask, strict=True) if member)

    def results(self) -> tuple[list[Row], np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
        """Complete trials by number, N of them, and their values (N, objectives)."""
        complete = [row for row in self.rows if row.values is not None]
        values = np.array([row.values for row in complete], dtype=np.float64)
        return complete, values.reshape(-1, len(self.objectives))

    def hypervolume(self) -> dict[int, float]:
        """Hypervolume by trial: what the complete trials up to that number cover together."""
        complete, values = self.results()
        history = hypervolume_history(values, reference_point(self.directions), self.directions)
        return {row.trial: float(v) for row, v in zip(complete, history, strict=True)}

    def volumes(self) -> tuple[list[int], list[float]]:
        """Places among this sweep's own trials, from 0, and the hypervolume after each of them.

        Numbers would begin after the trials that a sweep has learned from, and no curve could be
        laid beside another's.
        """
        history = self.hypervolume()
        places = [place for place, row in enumerate(self.rows) if row.trial in history]
        return places, list(history.values())

    def best(self) -> dict[str, Row]:
        """The trial that is best in each objective; empty when none is complete."""
        complete, values = self.results()
        if not complete:
            return {}
        places = [
            int(np.argmax(column) if direction == "maximize" else np.argmin(column))
            for column, direction in zip(values.T, self.directions, strict=True)
        ]
        return {name: complete[i] for name, i in zip(self.objectives, places, strict=True)}

    def to_json(self) -> str:
        """The table as JSON; each row says whether it is on the front."""
        data = asdict(self)
        for row in data["rows"]:
            row["front"] = row["trial"] in self.front
        return json.dumps(data, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The table that `to_json` wrote."""
        data = json.loads(text)
        rows = []
        for row in data.pop("rows"):
            del row["front"]
            values = row.pop("values")
            rows.append(Row(**row, values=None if values is None else tuple(values)))
        return cls(**data, rows=tuple(rows))


def table_of(record: SweepRecord) -> Table:
    """The table of a sweep's folder."""
    rows = []
    for trial in sorted(record.trials, key=lambda trial: trial.number):
        complete = trial.state == "complete" and trial.values is not None
        rows.append(
            Row(
                trial=trial.number,
                state=trial.state,
                params=dict(trial.params),
                metrics=dict(trial.metrics) if complete else {},
                values=trial.values if complete else None,
                reason=trial.reason,
                rungs={str(rung.step): dict(rung.values) for rung in trial.rungs},
            )
        )
    return Table(record.name, dict(record.objectives), dict(record.base_metrics), tuple(rows))
