"""Where a gate's verdict is kept: beside the sweep, and on the trial's run in MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.search.files import write_json
from pipeline.search.records import SweepRecord, TrialRecord
from pipeline.tracking.connection import connect
from pipeline.tracking.gate_result import GateResult, compared_in_words, plain_line
from pipeline.tracking.ledger import Ledger, server_name
from pipeline.tracking.limits import LONGEST_TEXT
from pipeline.tracking.mirror import LEDGER, Mirror

if TYPE_CHECKING:
    from mlflow import MlflowClient

GATE: Final = "gate.json"
"""In a promoted folder, and behind a trial's number beside it: what the gate found."""

_TABLE: Final = "gate.json"
_TAG: Final = "gate"
_TIMEOUT: Final = 10  # seconds


def beside(folder: Path) -> Path:
    """The file of a verdict on what would be promoted into a folder, whether it was or not."""
    return folder.with_name(f"{folder.name}.{GATE}")


def record_refusal(
    record: SweepRecord, trial: TrialRecord, folder: Path, result: GateResult, uri: str
) -> str | None:
    """Keep the verdict on a model that is not promoted.

    Args:
        record: the sweep.
        trial: that was judged.
        folder: where it would have been promoted to; the verdict is written beside it.
        result: the verdict.
        uri: of the tracking server.

    Returns:
        Why MLflow has not got it; None where it has.
    """
    from mlflow.exceptions import MlflowException

    write_json(beside(folder), result.as_json())
    backlog = Mirror(record.folder, uri).sync_once()
    sent = Ledger.load(record.folder / LEDGER, uri).trials.get(trial.number)
    if sent is None:
        return str(backlog.reason)
    try:
        log_gate(connect(uri, timeout=_TIMEOUT), sent.run, result)
    except (MlflowException, OSError) as error:
        return server_name(str(error))
    return None


def log_gate(client: MlflowClient, run: str, result: GateResult) -> None:
    """Add a gate's lines to the table on a trial's run, and make its tags say the last verdict.

    Args:
        client: of the tracking server.
        run: id of the trial's run.
        result: the verdict.
    """
    rows: list[dict[str, Any]] = [
        {"when": result.when, "outcome": result.outcome, **plain_line(line)}
        for line in result.lines
    ]
    if rows:
        client.log_table(run, {key: [row[key] for row in rows] for key in rows[0]}, _TABLE)
    wanted = tags_of(result)
    for name in client.get_run(run).data.tags:
        if (name == _TAG or name.startswith(f"{_TAG}.")) and name not in wanted:
            client.delete_tag(run, name)
    for name, value in wanted.items():
        client.set_tag(run, name, value)


def tags_of(result: GateResult) -> dict[str, str]:
    """The verdict as tags: of the whole, of each line, what was changed, and who overrode it."""
    tags: dict[str, str] = {_TAG: result.outcome}
    # A metric may have several lines; one that fails comes first, as what is too long is cut.
    for line in sorted(result.lines, key=lambda each: each.passed):
        verdict = "pass" if line.passed else "fail"
        name, text = f"{_TAG}.{line.metric}", f"{verdict}: {line}, {compared_in_words(line)}"
        tags[name] = f"{tags[name]}; {text}" if name in tags else text
    if result.changed:
        tags[f"{_TAG}.changed"] = ", ".join(result.changed)
    if result.override is not None:
        by = f"{result.override.who}, {result.override.when}: {result.override.reason}"
        tags[f"{_TAG}.override"] = by
    return {name: text[:LONGEST_TEXT] for name, text in tags.items()}
