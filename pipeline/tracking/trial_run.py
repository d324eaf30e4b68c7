"""One trial's run in MLflow: made once, and brought up to date from the trial's folder.

Everything that is sent is sent under a time computed from the run's start and the step, never
under the time of sending: MLflow keeps one copy of a measurement that arrives twice.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.search.files import read_json
from pipeline.search.places import (
    EXPERIMENT,
    FAILURE,
    GALLERY,
    PARAMS,
    REPORT,
    STOPPED,
    TELEMETRY,
    TIMING,
    TRAINED,
)
from pipeline.search.records import TrialRecord
from pipeline.tracking.ledger import Sent
from pipeline.tracking.limits import LONGEST_TEXT
from pipeline.tracking.parameter_text import to_text
from pipeline.tracking.story import NOTE, trial_story, versions_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

METRICS: Final = "report/"
"""Prefix of a report's metrics in MLflow."""

COUNTED: Final = "trained/"
"""Prefix of the parameters that say how much of the model was trained, and are not searched."""

RUNGS: Final = "rungs"
"""Tag with the objectives where a trial might have been stopped early, as JSON."""

_TELEMETRY: Final = "update/"
_RUNG: Final = "rung/"
_NEIGHBOURS: Final = "neighbour/"
_PAIRED: Final = "paired/"
_SECONDS: Final = "seconds/"
_STATUS: Final = {
    "running": "RUNNING",
    "complete": "FINISHED",
    "failed": "FAILED",
    "pruned": "KILLED",
}
_FILES: Final = (EXPERIMENT, PARAMS, REPORT, TIMING, FAILURE, STOPPED)
_METRICS_A_BATCH: Final = 1000
_PARAMETERS_A_BATCH: Final = 100
_LONGEST_PARAMETER: Final = 6000
_FORBIDDEN: Final = re.compile(r"[^\w\-. /]", re.ASCII)


@dataclass(frozen=True)
class Destination:
    """Where a sweep's runs go.

    Attributes:
        client: of the tracking server.
        experiment: its id.
        parent: id of the sweep's run.
        tags: what every run of the sweep carries.
    """

    client: MlflowClient
    experiment: str
    parent: str
    tags: Mapping[str, str]


def new_run(to: Destination, trial: TrialRecord) -> Sent:
    """Make a trial's run, nested in the sweep's."""
    run = to.client.create_run(
        to.experiment,
        start_time=_started(trial.folder),
        run_name=f"{to.tags['sweep']}-{trial.number:04d}",
        tags={
            **to.tags,
            "mlflow.parentRunId": to.parent,
            "kind": "trial",
            "trial": str(trial.number),
            "state": "running",
        },
    )
    return Sent(run.info.run_id, run.info.start_time)


def is_settled(trial: TrialRecord, sent: Sent | None, *, on_front: bool) -> bool:
    """Whether MLflow has all there will ever be of a trial."""
    return (
        sent is not None
        and trial.state != "running"
        and sent.state == trial.state
        and sent.front == on_front
    )


def send_trial(
    to: Destination,
    trial: TrialRecord,
    sent: Sent,
    *,
    on_front: bool,
    remember: Callable[[], None],
) -> None:
    """Send what MLflow lacks of a trial; `sent` is brought up to date and remembered piecewise."""
    # A trial that is only just proposed has none yet.
    if not sent.parameters and (trial.params or trial.state != "running"):
        _send_parameters(to.client, sent.run, trial.params)
        sent.parameters = True
        remember()
    if sent.state == trial.state != "running":
        _send_front(to, trial, sent, on_front=on_front)
        return
    last_step = _send_telemetry(to.client, trial.folder, sent)
    if trial.state != "running":
        digest = _digest(trial)
        if digest != sent.results:
            _send_results(to.client, trial, sent, last_step)
            sent.results = digest
            remember()
    if sent.state != trial.state:
        sent.front = None  # what is said of it depends on both
        _send_state(to.client, trial, sent)
    _send_front(to, trial, sent, on_front=on_front)


def log_metrics(
    client: MlflowClient, run: str, start: int, values: Mapping[str, float], step: int
) -> None:
    """Log values at a step, under names MLflow accepts."""
    _log_points(client, run, start, [(name, value, step) for name, value in values.items()])


def _log_points(
    client: MlflowClient, run: str, start: int, points: list[tuple[str, float, int]]
) -> None:
    from mlflow.entities import Metric

    metrics = [
        # MLflow would turn infinity into 1.8e308, which flattens every chart that it's drawn in.
        Metric(_accepted(name), value if math.isfinite(value) else math.nan, start + step, step)
        for name, value, step in points
    ]
    for first in range(0, len(metrics), _METRICS_A_BATCH):
        client.log_batch(run, metrics=metrics[first : first + _METRICS_A_BATCH])


def _send_parameters(client: MlflowClient, run: str, params: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    entities = [
        Param(_accepted(name), to_text(value)[:_LONGEST_PARAMETER])
        for name, value in params.items()
    ]
    for first in range(0, len(entities), _PARAMETERS_A_BATCH):
        client.log_batch(run, params=entities[first : first + _PARAMETERS_A_BATCH])


def _send_telemetry(client: MlflowClient, folder: Path, sent: Sent) -> int:
    """Send the steps after the last one sent; returns the last step there is (0 if none)."""
    # By step and not by place in the file: a resumed trial repeats the steps after its checkpoint.
    known = -1 if sent.step is None else sent.step
    records = read_telemetry(folder / TELEMETRY)
    points = [
        (_TELEMETRY + name, value, step)
        for step, values in records.items()
        if step > known
        for name, value in values.items()
    ]
    last = max(records, default=0)
    if points:
        _log_points(client, sent.run, sent.start, points)
        sent.step = max(last, known)
    return last


def read_telemetry(path: Path) -> dict[int, dict[str, float]]:
    """Values by step; read here, as the trainer's own reader brings torch into the process."""
    if not path.is_file():
        return {}
    records: dict[int, dict[str, float]] = {}
    for line in path.read_text().splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            break  # half a line, which is still being written
        records[int(values.pop("step"))] = values
    return records


def _send_results(client: MlflowClient, trial: TrialRecord, sent: Sent, step: int) -> None:
    folder = trial.folder
    report = read_json(folder / REPORT) or {}
    timing = read_json(folder / TIMING) or {}
    values = {METRICS + name: value for name, value in trial.metrics.items()}
    values |= {_NEIGHBOURS + name: value for name, value in report.get("neighbours", {}).items()}
    values |= _paired(report.get("paired", {}))
    values |= {_SECONDS + name: value for name, value in timing.items()}
    if trial.seconds is not None:
        values[_SECONDS + "total"] = trial.seconds
    log_metrics(client, sent.run, sent.start, values, step)
    _send_rungs(client, trial, sent)
    counted = read_json(folder / TRAINED) or {}
    _send_parameters(client, sent.run, {f"{COUNTED}{name}": n for name, n in counted.items()})
    for name in _FILES:
        if (folder / name).is_file():
            client.log_artifact(sent.run, str(folder / name))
    if (folder / GALLERY).is_file():
        client.log_artifact(sent.run, str(folder / GALLERY))
        log_image_once(client, sent.run, folder / GALLERY, "gallery", step)


def _send_rungs(client: MlflowClient, trial: TrialRecord, sent: Sent) -> None:
    """The objectives at each rung under its step, and all of them as a tag, to be read at once."""
    if not trial.rungs:
        return
    points = [
        (_RUNG + name, value, rung.step)
        for rung in trial.rungs
        for name, value in rung.values.items()
    ]
    _log_points(client, sent.run, sent.start, points)
    values = {str(rung.step): rung.values for rung in trial.rungs}
    client.set_tag(sent.run, RUNGS, json.dumps(values))
    if trial.stopped_at is not None:
        client.set_tag(sent.run, "stopped_at", str(trial.stopped_at))


def _paired(differences: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Model - base by metric, and the ends of its interval beside it."""
    return {
        f"{_PAIRED}{name}{suffix}": found[part]
        for name, found in differences.items()
        for part, suffix in (("mean", ""), ("low", " low"), ("high", " high"))
    }


def log_image_once(client: MlflowClient, run: str, path: Path, key: str, step: int) -> None:
    """Log an image under a step, unless the run has one of that name.

    MLflow gives every logged image a random name, so that logging twice shows it twice.
    """
    from PIL import Image

    # The small copy is written last: with it, the image is whole.
    there = [Path(file.path).name for file in client.list_artifacts(run, "images")]
    if any(name.startswith(f"{key}+") and name.endswith(".webp") for name in there):
        return
    with Image.open(path) as image:
        client.log_image(run, image.convert("RGB"), key=key, step=step)


def _send_state(client: MlflowClient, trial: TrialRecord, sent: Sent) -> None:
    if trial.reason:
        client.set_tag(sent.run, "reason", trial.reason[:LONGEST_TEXT])
    client.set_tag(sent.run, "state", trial.state)
    if trial.state == "running":
        client.update_run(sent.run, status="RUNNING")
    else:
        seconds = trial.seconds
        # Where the clock was set back since, it ends as it began.
        now = max(sent.start, int(time.time() * 1000))
        end = now if seconds is None else sent.start + int(seconds * 1000)
        client.set_terminated(sent.run, _STATUS[trial.state], end_time=end)
    sent.state = trial.state


def _send_front(to: Destination, trial: TrialRecord, sent: Sent, *, on_front: bool) -> None:
    if sent.front == on_front:
        return
    # A trial that was registered may leave the front when its sweep goes on.
    runs = {} if sent.front is None else {trial.number: sent.run}
    versions = versions_of(to.client, to.tags["sweep"], runs) if runs else {}
    made = versions.get(trial.number, [])
    story = trial_story(to.experiment, to.parent, trial, made, on_front=on_front)
    to.client.set_tag(sent.run, NOTE, story)
    to.client.set_tag(sent.run, "front", "true" if on_front else "false")
    sent.front = on_front


def _digest(trial: TrialRecord) -> str:
    digest = hashlib.sha256(json.dumps(sorted(trial.metrics.items())).encode())
    for name in (*_FILES, GALLERY):
        path = trial.folder / name
        if path.is_file():
            digest.update(name.encode() + path.read_bytes())
    return digest.hexdigest()


def _started(folder: Path) -> int:
    """When a trial began, milliseconds since 1970."""
    written = folder / PARAMS
    try:
        return int(written.stat().st_mtime * 1000)
    except OSError:
        return int(time.time() * 1000)


def _accepted(name: str) -> str:
    return _FORBIDDEN.sub("_", name)
