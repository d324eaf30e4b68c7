"""The mirror: complete, idempotent, and never in the sweep's way."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.tracking import Mirror
from pipeline.tracking.connection import connect, experiment_id
from pipeline.tracking.mirror import LEDGER
from pipeline.tracking.sweep_run import trial_runs
from tests.tracking.server import Server
from tests.tracking.sweeps import SCORES, STEPS, Sweep, telemetry


class Records:
    """What MLflow has at an address."""

    def __init__(self, uri: str) -> None:
        self.client = connect(uri, timeout=20)
        self._experiment = experiment_id(self.client, uri)

    def parents(self) -> list[Any]:
        """Runs of sweeps."""
        return list(self.client.search_runs([self._experiment], "tags.kind = 'sweep'"))

    def children(self) -> list[Any]:
        """By number; two runs of the same trial are both in it."""
        found = self.client.search_runs([self._experiment], "tags.kind = 'trial'")
        return sorted(found, key=lambda run: int(run.data.tags["trial"]))

    def history(self, run: Any, name: str) -> list[tuple[int, float]]:
        """Steps and values of a metric, in order."""
        points = self.client.get_metric_history(run.info.run_id, name)
        return sorted((point.step, point.value) for point in points)

    def files(self, run: Any, path: str | None = None) -> set[str]:
        """Paths of artifacts."""
        return {file.path for file in self.client.list_artifacts(run.info.run_id, path)}

    def text(self, run: Any, name: str, folder: Path) -> str:
        """An artifact's text."""
        return Path(self.client.download_artifacts(run.info.run_id, name, str(folder))).read_text()


def assert_complete(uri: str, sweep: Sweep, folder: Path) -> None:
    """One run for the sweep and each trial, and in them all the folder has, once."""
    records = Records(uri)
    (parent,) = records.parents()
    children = records.children()
    record = sweep.record
    assert [int(run.data.tags["trial"]) for run in children] == [t.number for t in record.trials]
    for run, trial in zip(children, record.trials, strict=True):
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["state"] == trial.state
        expected = sorted(
            (step, telemetry(trial.number, step).values["forget_loss"]) for step in STEPS
        )
        assert records.history(run, "update/forget_loss") == expected
        if trial.state == "complete":
            assert records.history(run, "report/erasure") == [(40, trial.metrics["erasure"])]
            images = records.files(run, "images")
            assert len([name for name in images if name.endswith(".png")]) == 1
    table = json.loads(records.text(parent, "trials.json", folder))
    assert [row["trial"] for row in table["rows"]] == [trial.number for trial in record.trials]


def test_a_sweep_is_a_run_with_a_nested_run_a_trial(
    database: str, sweep: Sweep, tmp_path: Path
) -> None:
    failed = sweep.begin()
    sweep.fail(failed, "DivergedError: loss is NaN at step 40")
    sweep.prune(sweep.begin())
    sweep.begin()
    assert not Mirror(sweep.folder, database).sync_once()
    assert_complete(database, sweep, tmp_path)

    records = Records(database)
    (parent,) = records.parents()
    assert parent.info.run_name == "tiny"
    assert parent.info.status == "RUNNING"
    assert parent.data.metrics["base/erasure"] == 0.02
    assert parent.data.tags["concept"] == "sneaker"
    assert parent.data.tags["base_fingerprint"] == "f" * 64
    experiment, run = parent.info.experiment_id, records.children()[3].info.run_id
    told = parent.data.tags["mlflow.note.content"]
    assert f"| [3](#/experiments/{experiment}/runs/{run}) | 0.9900 | 0.3000 |" in told
    assert parent.data.tags["front"] == "0, 1, 3"
    assert Path(parent.info.artifact_uri.removeprefix("file://")).is_relative_to(
        Path(database.removeprefix("sqlite:///")).parent / "mlartifacts"
    )
    assert records.files(parent) >= {
        *("pareto.html", "pareto.png", "hypervolume.png", "parallel.png"),
        *("trials.json", "space.yaml", "prompts.json", "base.json"),
    }
    covered = 0.9 * 0.8
    expected = [(0, covered), (1, covered + 0.5 * 0.19), (2, covered + 0.5 * 0.19)]
    expected.append((3, expected[-1][1] + 0.09 * 0.3))
    history = records.history(parent, "hypervolume")
    assert [step for step, _ in history] == [step for step, _ in expected]
    assert [v for _, v in history] == pytest.approx([v for _, v in expected])

    states = [run.info.status for run in records.children()]
    assert states == ["FINISHED"] * 4 + ["FAILED", "KILLED", "RUNNING"]
    fronts = [run.data.tags["front"] for run in records.children()]
    assert fronts == ["true", "true", "false", "true", "false", "false", "false"]
    assert records.children()[failed].data.tags["reason"] == "DivergedError: loss is NaN at step 40"
    notes = [run.data.tags["mlflow.note.content"] for run in records.children()]
    link = f"[its sweep](#/experiments/{experiment}/runs/{parent.info.run_id})"
    assert all(link in note for note in notes)
    assert "on the front" in notes[0]
    assert [note.split(": ")[1].split(".")[0] for note in notes[4:]] == [
        *("failed", "stopped early", "still running"),
    ]
    assert "dominated" in notes[2]
    assert "| erasure | 0.4000 |" in notes[2]
    first = records.children()[0]
    assert set(first.data.params) == set(sweep.record.trials[0].params)
    assert (
        float(first.data.params["update.learning_rate"])
        == (sweep.record.trials[0].params["update.learning_rate"])
    )
    assert first.data.metrics["neighbour/ankle boot"] == 0.8
    paired = [first.data.metrics[f"paired/ira{end}"] for end in ("", " low", " high")]
    assert paired == [-0.05, -0.125, 0.025]
    assert first.data.metrics["seconds/total"] == 5.0
    assert records.files(first) >= {"report.json", "gallery.png", "experiment.yaml", "images"}


def test_nothing_is_sent_twice(database: str, sweep: Sweep, tmp_path: Path) -> None:
    mirror = Mirror(sweep.folder, database)
    assert not mirror.sync_once()
    assert not mirror.sync_once()
    assert not Mirror(sweep.folder, database).sync_once()
    assert_complete(database, sweep, tmp_path)


def test_a_ledger_that_is_no_use_doubles_nothing(
    database: str, sweep: Sweep, tmp_path: Path
) -> None:
    Mirror(sweep.folder, database).sync_once()
    ledger = sweep.folder / LEDGER
    of_another_server = json.dumps(json.loads(ledger.read_text()) | {"server": "http://elsewhere"})
    for text in (None, ledger.read_text()[:100], "[]", of_another_server):
        if text is None:
            ledger.unlink()
        else:
            ledger.write_text(text)
        assert not Mirror(sweep.folder, database).sync_once()
    assert_complete(database, sweep, tmp_path)


def test_telemetry_grows_while_a_trial_runs(database: str, sweep: Sweep) -> None:
    number = sweep.begin(STEPS[:3])
    mirror = Mirror(sweep.folder, database)
    mirror.sync_once()
    with (sweep.trial(number) / "telemetry.jsonl").open("a") as file:
        file.write('{"step": 20, "forget_')  # the trainer is writing at this moment
    mirror.sync_once()
    records = Records(database)
    steps = [step for step, _ in records.history(records.children()[number], "update/cosine")]
    assert steps == list(STEPS[:3])

    # Killed and resumed from an earlier checkpoint, it measures some steps again.
    (sweep.trial(number) / "telemetry.jsonl").unlink()
    sweep.train(number, STEPS)
    sweep.finish(number, 0.95, 0.95)
    assert not mirror.sync_once()
    run = records.children()[number]
    assert [step for step, _ in records.history(run, "update/cosine")] == list(STEPS)
    assert run.info.status == "FINISHED"


def test_a_member_that_falls_off_the_front_is_told_so(database: str, sweep: Sweep) -> None:
    mirror = Mirror(sweep.folder, database)
    mirror.sync_once()
    sweep.finish(sweep.begin(), 0.95, 0.85)
    mirror.sync_once()
    fronts = [run.data.tags["front"] for run in Records(database).children()]
    assert fronts == ["false", "true", "false", "true", "true"]


def test_the_hypervolume_of_a_trial_is_never_revised(database: str, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "sweeps" / "tiny")
    slow, quick = sweep.begin(), sweep.begin()
    sweep.finish(quick, 0.5, 0.5)
    mirror = Mirror(sweep.folder, database)
    mirror.sync_once()
    records = Records(database)
    assert records.history(records.parents()[0], "hypervolume") == []
    sweep.finish(slow, 0.25, 0.75)
    mirror.sync_once()
    history = records.history(records.parents()[0], "hypervolume")
    assert history == [(0, 0.25 * 0.75), (1, 0.25 * 0.75 + 0.25 * 0.5)]


def test_numbers_that_are_none_do_not_stop_the_rest(database: str, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "sweeps" / "tiny")
    number = sweep.begin(())
    with (sweep.trial(number) / "telemetry.jsonl").open("a") as file:
        file.write('{"step": 5, "forget_loss": Infinity, "cosine": NaN}\n')
    sweep.fail(number, "DivergedError: inf")
    assert not Mirror(sweep.folder, database).sync_once()
    run = Records(database).children()[number]
    assert math.isnan(run.data.metrics["update/forget_loss"])
    assert math.isnan(run.data.metrics["update/cosine"])


def test_a_damaged_trial_does_not_keep_the_others_back(database: str, sweep: Sweep) -> None:
    gallery = sweep.trial(1) / "gallery.png"
    whole = gallery.read_bytes()
    gallery.write_bytes(whole[:20])
    mirror = Mirror(sweep.folder, database)
    backlog = mirror.sync_once()
    assert backlog.trials == (1,)
    assert backlog.reason is not None
    assert backlog.reason.startswith("trial 1: OSError")
    states = [run.data.tags["state"] for run in Records(database).children()]
    assert states == ["complete", "running", "complete", "complete"]
    gallery.write_bytes(whole)
    assert not mirror.sync_once()


def test_sweeps_of_one_name_stay_apart(database: str, tmp_path: Path) -> None:
    for place, created in (("a", "10:00:00"), ("b", "11:00:00")):
        sweep = Sweep(tmp_path / place / "tiny", SCORES[:1], created)
        assert not Mirror(sweep.folder, database).sync_once()
    records = Records(database)
    assert len(records.parents()) == 2
    assert len({run.data.tags["mlflow.parentRunId"] for run in records.children()}) == 2


def test_of_runs_of_one_trial_the_first_stays(database: str, sweep: Sweep) -> None:
    # A slow server makes a run that the mirror has stopped waiting for.
    Mirror(sweep.folder, database).sync_once()
    records = Records(database)
    first = records.children()[0]
    tags = {k: v for k, v in first.data.tags.items() if not k.startswith("mlflow.")}
    tags["mlflow.parentRunId"] = first.data.tags["mlflow.parentRunId"]
    records.client.create_run(first.info.experiment_id, tags=tags)
    assert len(records.children()) == 5
    Mirror(sweep.folder, database).sync_once()
    left = [run.info.run_id for run in records.children()]
    assert len(left) == 4
    assert left[0] == first.info.run_id


def test_runs_that_were_deleted_come_back(database: str, sweep: Sweep, tmp_path: Path) -> None:
    Mirror(sweep.folder, database).sync_once()
    records = Records(database)
    records.client.delete_run(records.children()[2].info.run_id)
    assert not Mirror(sweep.folder, database).sync_once()
    assert_complete(database, sweep, tmp_path)
    records.client.delete_run(records.parents()[0].info.run_id)
    for run in records.children():
        records.client.delete_run(run.info.run_id)
    assert not Mirror(sweep.folder, database).sync_once()
    assert_complete(database, sweep, tmp_path)


def test_two_processes_do_not_mirror_at_once(database: str, sweep: Sweep) -> None:
    program = f"""
import fcntl, time
file = open({str(sweep.folder / "mlflow.lock")!r}, "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        backlog = Mirror(sweep.folder, database).sync_once()
        assert "another process" in (backlog.reason or "")
    finally:
        holder.kill()
        holder.communicate()
    assert not Mirror(sweep.folder, database).sync_once()


def test_a_folder_without_a_sweep_raises_nothing(database: str, tmp_path: Path) -> None:
    assert Mirror(tmp_path / "nowhere", database).sync_once().reason
    (tmp_path / "empty").mkdir()
    assert "expected a sweep" in (Mirror(tmp_path / "empty", database).sync_once().reason or "")


def test_the_thread_sends_what_happens(database: str, tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "sweeps" / "tiny", database, interval=0.1)
    mirror.start()  # before there is a sweep
    mirror.start()
    sweep = Sweep(tmp_path / "sweeps" / "tiny", SCORES)
    sweep.finish(sweep.begin(), 0.95, 0.85)
    mirror.wake()
    sweep.status("finished")
    assert not mirror.close(60)
    assert_complete(database, sweep, tmp_path)
    assert Records(database).parents()[0].info.status == "FINISHED"


def test_a_server_that_comes_and_goes_costs_nothing_and_loses_nothing(
    server: Server, sweep: Sweep, tmp_path: Path
) -> None:
    # Away from the start.
    mirror = Mirror(sweep.folder, server.uri, interval=0.05, timeout=1)
    backlog = mirror.sync_once()
    assert backlog.trials == (0, 1, 2, 3)
    assert backlog.summary
    assert backlog.reason is not None

    # Killed in the middle of sending, after some of the trials.
    server.start()
    mirror.start()
    deadline = time.monotonic() + 60
    while "complete" not in _sent(sweep.folder) and time.monotonic() < deadline:
        time.sleep(0.005)
    server.kill()
    assert mirror.close(60).trials
    sweep.finish(sweep.begin(), 0.95, 0.85)
    assert mirror.sync_once().reason
    server.start()
    assert not Mirror(sweep.folder, server.uri, timeout=30).sync_once()
    assert_complete(server.uri, sweep, tmp_path / "killed")

    # Frozen: it takes connections and says nothing.
    server.freeze()
    sweep.finish(sweep.begin(), 0.96, 0.5)
    began = time.monotonic()
    mirror.start()
    assert time.monotonic() - began < 1  # it waits for no request
    assert mirror.close(30).trials == (5,)
    assert time.monotonic() - began < 20
    server.thaw()

    # Restarted without its records.
    server.kill()
    server.forget()
    server.start()
    assert not Mirror(sweep.folder, server.uri, timeout=30).sync_once()
    assert_complete(server.uri, sweep, tmp_path / "forgotten")


def _sent(folder: Path) -> str:
    ledger = folder / LEDGER
    return ledger.read_text() if ledger.is_file() else ""


def test_more_trials_than_a_page_of_runs_are_found_again(database: str, sweep: Sweep) -> None:
    # MLflow answers with a thousand runs at most.
    mirror = Mirror(sweep.folder, database)
    mirror.sync_once()
    records = Records(database)
    parent = records.parents()[0]
    with_page_of_two = _Pages(records.client, 2)
    runs = trial_runs(with_page_of_two, parent.info.experiment_id, parent.info.run_id)
    assert sorted(runs) == [0, 1, 2, 3]
    assert with_page_of_two.asked == 2


class _Pages:
    """A client that asks the real one for small pages."""

    def __init__(self, client: Any, size: int) -> None:
        self._client = client
        self._size = size
        self.asked = 0

    def search_runs(self, *args: Any, **kwargs: Any) -> Any:
        self.asked += 1
        return self._client.search_runs(*args, max_results=self._size, **kwargs)
