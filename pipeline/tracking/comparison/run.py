"""A comparison's own run in MLflow: its files, and its main numbers as metrics.

The run is found by the id in the ledger or else by its tags, and brought up to date; files that
have not changed are not sent again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.search.comparison_record import ComparisonRecord
from pipeline.search.files import read_json, write_json
from pipeline.search.locking import folder_lock
from pipeline.search.places import RESULTS
from pipeline.tracking.comparison.files import TABLE, figure_names
from pipeline.tracking.comparison.results import Results
from pipeline.tracking.connection import connect, experiment_id
from pipeline.tracking.ledger import server_name
from pipeline.tracking.limits import LONGEST_NOTE, shortened
from pipeline.tracking.story import NOTE, artifact_link
from pipeline.tracking.trial_run import log_metrics
from pipeline.tracking.uri import tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

LEDGER: Final = "mlflow"
"""Folder of what the server has got, in the comparison's."""

_SENT: Final = "sent.json"
_TIMEOUT: Final = 10  # seconds a request; somebody waits
_LONGEST_REASON: Final = 300


@dataclass
class _Sent:
    """What one server has got.

    Attributes:
        server: its address, without credentials.
        run: MLflow's id of the run.
        start: of the run, milliseconds since 1970.
        files: digest of each file, by name.
        metrics: as they were last sent.
    """

    server: str
    run: str = ""
    start: int = 0
    files: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


def send_comparison(
    record: ComparisonRecord, results: Results, uri: str | None = None
) -> str | None:
    """Bring the comparison's run up to date.

    Args:
        record: the comparison, whose files were written.
        results: its numbers.
        uri: MLflow's tracking URI; as for `Mirror` if None.

    Returns:
        Why that did not succeed; None if it did. Nothing is raised: a comparison never waits for
        a server.
    """
    address = tracking_uri() if uri is None else uri
    ledger = record.folder / LEDGER
    try:
        ledger.mkdir(exist_ok=True)
        # Two at once would make the run twice.
        with folder_lock(ledger):
            client = connect(address, timeout=_TIMEOUT)
            sent = _find_run(client, address, record, _load(ledger / _SENT, address))
            write_json(ledger / _SENT, asdict(sent))
            _send(client, sent, record, results)
            write_json(ledger / _SENT, asdict(sent))
    except Exception as error:  # noqa: BLE001 - whatever MLflow does, the comparison goes on
        first = server_name((str(error).splitlines() or [""])[0])
        return f"{type(error).__name__}: {first}"[:_LONGEST_REASON]
    return None


def main_numbers(results: Results) -> Iterator[tuple[str, float]]:
    """(`target/method/metric`, value) of all that a chart may show."""
    for target in results.targets:
        for method in target.methods:
            prefix = f"{target.target}/{method.method}"
            for name, value in method.means.items():
                yield f"{prefix}/{name}", value
            if method.hypervolume is not None:
                yield f"{prefix}/hypervolume", method.hypervolume
            if method.hypervolume_anew is not None:
                yield f"{prefix}/hypervolume_anew", method.hypervolume_anew
            if method.trial_seconds is not None:
                yield f"{prefix}/trial_seconds", method.trial_seconds


def _find_run(client: MlflowClient, uri: str, record: ComparisonRecord, known: _Sent) -> _Sent:
    """The ledger of the comparison's run, which is made where the server has none."""
    experiment = experiment_id(client, uri)
    tags = {
        "kind": "comparison",
        "comparison": record.name,
        "comparison_id": f"{record.name}/{record.created}",
    }
    wanted = f"tags.kind = 'comparison' AND tags.comparison_id = '{tags['comparison_id']}'"
    found = client.search_runs([experiment], wanted, order_by=["attributes.start_time ASC"])
    if found:
        info, *doubles = (run.info for run in found)
        for double in doubles:
            client.delete_run(double.run_id)
    else:
        start = int(datetime.fromisoformat(record.created).timestamp() * 1000)
        info = client.create_run(experiment, start, run_name=record.name, tags=tags).info
    if info.run_id == known.run:
        return known
    return _Sent(server_name(uri), info.run_id, info.start_time)


def _send(client: MlflowClient, sent: _Sent, record: ComparisonRecord, results: Results) -> None:
    numbers = dict(main_numbers(results))
    if numbers != sent.metrics:
        # At a later step each time, as MLflow shows the value of the last one.
        step = max(0, int(time.time() - sent.start / 1000))
        log_metrics(client, sent.run, sent.start, numbers, step)
        sent.metrics = numbers
    for path in _files(record.folder, results):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if sent.files.get(path.name) != digest:
            client.log_artifact(sent.run, str(path))
            sent.files[path.name] = digest
    client.set_tag(sent.run, NOTE, _description(client, sent, record.folder))
    if all(pair.has_ended for pair in record.pairs):
        now = max(sent.start, int(time.time() * 1000))  # the clock may have been set back
        client.set_terminated(sent.run, "FINISHED", end_time=now)
    else:
        client.update_run(sent.run, status="RUNNING")


def _description(client: MlflowClient, sent: _Sent, folder: Path) -> str:
    """Links to the pages of fronts, and the table."""
    experiment = client.get_run(sent.run).info.experiment_id
    pages = [name for name in sorted(sent.files) if name.endswith(".html")]
    links = ", ".join(artifact_link(experiment, sent.run, name) for name in pages)
    table = (folder / TABLE).read_text()
    text = f"Fronts with pictures: {links}.\n\n{table}" if pages else table
    return shortened(text, LONGEST_NOTE, f"\n\nCut here: the rest is in {TABLE}.")


def _files(folder: Path, results: Results) -> Iterator[Path]:
    names = [name for target in results.targets for name in figure_names(target.target)]
    for name in (TABLE, RESULTS, *names):
        if (folder / name).is_file():
            yield folder / name


def _load(path: Path, uri: str) -> _Sent:
    """What is known of this server; nothing where the file is missing, damaged or of another."""
    fresh = _Sent(server_name(uri))
    data: dict[str, Any] = read_json(path) or {}
    try:
        sent = _Sent(**data)
    except TypeError:
        return fresh
    return sent if sent.server == fresh.server else fresh
