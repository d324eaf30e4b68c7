"""A comparison's run in MLflow: one, brought up to date, and never in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.search.comparison_record import ComparisonRecord
from pipeline.tracking.comparison.files import write_results
from pipeline.tracking.comparison.run import send_comparison
from pipeline.tracking.connection import connect, experiment_id
from tests.tracking.comparisons import comparison, pair, waiting


def send(record: ComparisonRecord, uri: str) -> str | None:
    return send_comparison(record, write_results(record), uri)


def run_of(uri: str) -> Any:
    """The only run of a comparison."""
    client = connect(uri, timeout=20)
    found = client.search_runs([experiment_id(client, uri)], "tags.kind = 'comparison'")
    (run,) = found
    return run


def files_of(uri: str) -> set[str]:
    return {file.path for file in connect(uri, timeout=20).list_artifacts(run_of(uri).info.run_id)}


def test_the_run_is_made_once_and_brought_up_to_date(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "fashion"
    winner = pair(folder, "winner")
    assert send(comparison(folder, winner, waiting("loser")), database) is None
    run = run_of(database)
    assert run.info.run_name == "fashion"
    assert run.info.status == "RUNNING"
    assert run.data.metrics["sneaker/winner/alignment"] == 0.98
    assert run.data.metrics["sneaker/winner/trial_seconds"] == 10.0
    assert "Not run yet: loser." in run.data.tags["mlflow.note.content"]
    page = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/"
    assert f"]({page}fronts-sneaker.html)" in run.data.tags["mlflow.note.content"]
    assert files_of(database) == {
        "results.json",
        "table.md",
        "fronts-sneaker.png",
        "fronts-sneaker.html",
        "gallery-sneaker.png",
    }

    assert send(comparison(folder, winner, pair(folder, "loser")), database) is None
    later = run_of(database)
    assert later.info.run_id == run.info.run_id
    assert later.info.status == "FINISHED"
    assert {"sneaker/loser/ua", "sneaker/winner/ua"} <= later.data.metrics.keys()
    text = connect(database, timeout=20).download_artifacts(run.info.run_id, "table.md", tmp_path)
    assert "| loser |" in Path(text).read_text()


def test_what_is_lost_is_found_or_made_again(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "fashion"
    record = comparison(folder, pair(folder, "winner"))
    assert send(record, database) is None
    run = run_of(database)
    (folder / "mlflow" / "sent.json").unlink()
    assert send(record, database) is None
    assert run_of(database).info.run_id == run.info.run_id
    connect(database, timeout=20).delete_run(run.info.run_id)
    assert send(record, database) is None
    assert run_of(database).info.run_id != run.info.run_id
    assert "gallery-sneaker.png" in files_of(database)


def test_a_server_that_is_down_is_a_reason_and_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "fashion"
    record = comparison(folder, pair(folder, "winner"))
    reason = send(record, "http://user:secret@127.0.0.1:9")
    assert reason is not None
    assert "secret" not in reason
    assert "\n" not in reason


def test_a_long_table_is_cut_in_the_description_and_whole_in_its_file(
    database: str, tmp_path: Path
) -> None:
    folder = tmp_path / "fashion"
    many = [waiting(f"method-{number:03d}-{'x' * 40}") for number in range(200)]
    assert send(comparison(folder, pair(folder, "winner"), *many), database) is None
    note = run_of(database).data.tags["mlflow.note.content"]
    assert len(note) <= 8000
    assert note.endswith("\n\nCut here: the rest is in table.md.")
    assert "| winner |" in note
    assert "method-199" in (folder / "table.md").read_text()
