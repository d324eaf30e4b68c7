"""A sweep's own run in MLflow: the front, the table of trials, the hypervolume, what was asked."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pipeline
from pipeline.config.user_path import without_machine
from pipeline.search.files import read_json
from pipeline.search.places import BASE as BASE_METRICS
from pipeline.search.places import PROMPTS, SPACE, SWEEP
from pipeline.search.records import SweepRecord
from pipeline.tracking.figure_files import write_figures
from pipeline.tracking.ledger import Ledger
from pipeline.tracking.page.document import drawn_by
from pipeline.tracking.page.sweep_data import SweepPages
from pipeline.tracking.story import tell_sweep
from pipeline.tracking.table import Table
from pipeline.tracking.trial_run import Destination, log_metrics

if TYPE_CHECKING:
    from mlflow import MlflowClient

BASE: Final = "base/"
"""Prefix of the base model's metrics in MLflow."""

_STATUS: Final = {"running": "RUNNING", "finished": "FINISHED", "interrupted": "KILLED"}
_FILES: Final = (SPACE, PROMPTS, BASE_METRICS)


def sweep_tags(record: SweepRecord) -> dict[str, str]:
    """What all runs of a sweep carry; `sweep_id` tells sweeps of the same name apart."""
    facts = _facts(record.folder)
    return {
        "sweep": record.name,
        "sweep_id": f"{record.name}/{facts.get('created', '')}",
        "concept": ", ".join(record.space.concept.values),
        "base": without_machine(record.space.base),
    }


def sweep_run(client: MlflowClient, experiment: str, record: SweepRecord) -> Any:
    """The sweep's run: found by its tags, or made."""
    tags = sweep_tags(record)
    # Names and times have no quotes in them.
    wanted = f"tags.kind = 'sweep' AND tags.sweep_id = '{tags['sweep_id']}'"
    found = client.search_runs([experiment], wanted, order_by=["attributes.start_time ASC"])
    if not found:
        return _new_sweep_run(client, experiment, record, tags)
    first, *doubles = found
    for double in doubles:
        client.delete_run(double.info.run_id)
    return first


def trial_runs(
    client: MlflowClient, experiment: str, parent: str, *, tidy: bool = True
) -> dict[int, Any]:
    """The runs of a sweep's trials by number, however many.

    A slow server may have made a run after the mirror stopped waiting for it and made another:
    of runs of the same trial the first one stays, and with `tidy` alone.
    """
    runs: dict[int, Any] = {}
    token: str | None = None
    while token != "":
        page = client.search_runs(
            [experiment],
            f"tags.`mlflow.parentRunId` = '{parent}' AND tags.kind = 'trial'",
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        for run in page:
            number = int(run.data.tags["trial"])
            if number not in runs:
                runs[number] = run
            elif tidy:
                client.delete_run(run.info.run_id)
        token = page.token or ""
    return runs


def _new_sweep_run(
    client: MlflowClient, experiment: str, record: SweepRecord, tags: Mapping[str, str]
) -> Any:
    facts = _facts(record.folder)
    all_tags = {
        **tags,
        "kind": "sweep",
        "objectives": json.dumps(record.objectives),
        "version": str(facts.get("version", pipeline.__version__)),
    }
    return client.create_run(
        experiment, start_time=_created(facts), run_name=record.name, tags=all_tags
    )


def summary_digest(record: SweepRecord, table: Table, pages: SweepPages) -> str:
    """Changes when the summary does, or what draws it."""
    reference = pages.reference(record)
    beside = 0 if reference is None else sum(t.values is not None for t in reference.trials)
    told = f"{record.status}\n{table.to_json()}\n{beside}\n{drawn_by()}"
    return hashlib.sha256(told.encode()).hexdigest()


def send_hypervolume(to: Destination, ledger: Ledger, table: Table) -> None:
    """Log the hypervolume at each trial up to the first one that is still running.

    A trial that ends after a later one changes the values from its number on; those behind a
    running trial therefore wait, and what MLflow has is never revised. Steps are trials' numbers,
    by which MLflow's runs are named too: after a warm start they begin behind the earlier trials.
    """
    history = table.hypervolume()
    last = ledger.hypervolume
    for row in table.rows:
        if row.state == "running":
            break
        if row.trial > ledger.hypervolume and row.trial in history:
            value = {"hypervolume": history[row.trial]}
            log_metrics(to.client, to.parent, ledger.start, value, row.trial)
        last = max(last, row.trial)
    ledger.hypervolume = last


def send_summary(
    to: Destination, ledger: Ledger, record: SweepRecord, table: Table, pages: SweepPages
) -> None:
    """Send page, pictures, table, base metrics, description and status."""
    base = {BASE + name: value for name, value in table.base.items()}
    log_metrics(to.client, to.parent, ledger.start, base, 0)
    with tempfile.TemporaryDirectory(prefix="unlearn-") as name:
        folder = Path(name)
        (folder / "trials.json").write_text(table.to_json())
        write_figures(record, table, folder, pages)
        for file in _FILES:
            if (record.folder / file).is_file():
                shutil.copyfile(record.folder / file, folder / file)
        to.client.log_artifacts(to.parent, str(folder))
    tell_sweep(to.client, to.experiment, ledger, table)
    to.client.set_tag(to.parent, "status", record.status)
    if record.taken:
        told = "; ".join(taken.in_words(sweep) for sweep, taken in record.taken.items())
        to.client.set_tag(to.parent, "warm_start", told)
    # Only known once the base model was loaded, after the sweep's run was made.
    fingerprint = _facts(record.folder).get("base")
    if fingerprint:
        to.client.set_tag(to.parent, "base_fingerprint", str(fingerprint))
    status = _STATUS.get(record.status, "RUNNING")
    if status == "RUNNING":
        to.client.update_run(to.parent, status=status)
    else:
        now = max(ledger.start, int(time.time() * 1000))  # the clock may have been set back
        to.client.set_terminated(to.parent, status, end_time=now)


def _facts(folder: Path) -> dict[str, Any]:
    return read_json(folder / SWEEP) or {}


def _created(facts: Mapping[str, Any]) -> int:
    """When the sweep was made, milliseconds since 1970."""
    created = facts.get("created")
    try:
        if isinstance(created, int | float):
            return int(created * 1000)
        return int(datetime.fromisoformat(str(created)).timestamp() * 1000)
    except ValueError:
        return int(time.time() * 1000)
