"""The table and the front of a sweep from MLflow alone, without its folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.tracking.connection import connect, experiment_id
from pipeline.tracking.ledger import server_name
from pipeline.tracking.parameter_text import from_text
from pipeline.tracking.sweep_run import BASE, trial_runs
from pipeline.tracking.table import Row, Table
from pipeline.tracking.trial_run import COUNTED, METRICS, RUNGS
from pipeline.tracking.uri import tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TIMEOUT = 60  # seconds: somebody waits for the answer and wants it
_RETRIES = 1


def table_from_mlflow(sweep: str, uri: str | None = None) -> Table:
    """The table of the newest sweep of a name, rebuilt from its runs.

    Args:
        sweep: the sweep's name.
        uri: MLflow's tracking URI; as for `Mirror` if None.

    Raises:
        ValueError: MLflow has no sweep of that name, or can't be reached.
    """
    from mlflow.exceptions import MlflowException

    address = tracking_uri() if uri is None else uri
    client = connect(address, timeout=_TIMEOUT, retries=_RETRIES)
    try:
        return _table(client, experiment_id(client, address), sweep)
    except MlflowException as error:
        raise ValueError(
            f"{server_name(address)}: expected an MLflow server that answers, got: "
            f"{server_name(str(error))}; start it, or set MLFLOW_TRACKING_URI"
        ) from error


def _table(client: MlflowClient, experiment: str, sweep: str) -> Table:
    if "'" in sweep:
        raise ValueError(f"{sweep}: expected the name of a sweep, which has no quotes")
    found = client.search_runs(
        [experiment],
        f"tags.kind = 'sweep' AND tags.sweep = '{sweep}'",
        max_results=1,
        order_by=["attributes.start_time DESC"],
    )
    if not found:
        raise ValueError(f"{sweep}: expected a sweep in MLflow, found none of that name")
    parent = found[0]
    objectives = json.loads(parent.data.tags["objectives"])
    runs = trial_runs(client, experiment, parent.info.run_id, tidy=False)
    return Table(
        sweep,
        objectives,
        _with_prefix(parent.data.metrics, BASE),
        tuple(_row(number, run, objectives) for number, run in sorted(runs.items())),
    )


def _row(number: int, run: Any, objectives: dict[str, Any]) -> Row:
    tags = run.data.tags
    complete = tags["state"] == "complete"
    metrics = _with_prefix(run.data.metrics, METRICS)
    return Row(
        trial=number,
        state=tags["state"],
        params={
            name: from_text(text)
            for name, text in run.data.params.items()
            if not name.startswith(COUNTED)
        },
        metrics=metrics if complete else {},
        values=tuple(metrics[name] for name in objectives) if complete else None,
        reason=tags.get("reason"),
        rungs=json.loads(tags.get(RUNGS, "{}")),
    )


def _with_prefix(metrics: dict[str, float], prefix: str) -> dict[str, float]:
    return {
        name.removeprefix(prefix): value
        for name, value in sorted(metrics.items())
        if name.startswith(prefix)
    }
