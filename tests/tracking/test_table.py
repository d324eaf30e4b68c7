"""The table of trials: the same from the folder, from JSON and from MLflow."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.tracking import Mirror, Table, table_from_mlflow, table_of
from pipeline.tracking.connection import connect, experiment_id
from tests.tracking.sweeps import SCORES, Sweep


@pytest.fixture
def busy(sweep: Sweep) -> Sweep:
    """Trials of every state."""
    sweep.fail(sweep.begin(), "DivergedError: NaN")
    sweep.prune(sweep.begin())
    sweep.begin()
    return sweep


def test_it_has_every_trial_and_the_front(busy: Sweep) -> None:
    table = table_of(busy.record)
    states = ["complete"] * 4 + ["failed", "pruned", "running"]
    assert [row.state for row in table.rows] == states
    assert table.front == {0, 1, 3}
    assert [row.values for row in table.rows[4:]] == [None] * 3
    assert [row.trial for row in table.best().values()] == [3, 1]
    assert [row.stopped_at for row in table.rows] == [None] * 5 + [30, None]
    assert table.rows[5].rungs["10"] == {"erasure": 0.25, "alignment": 0.75}


def test_it_comes_back_from_json(busy: Sweep) -> None:
    table = table_of(busy.record)
    assert Table.from_json(table.to_json()) == table
    members = [row["trial"] for row in json.loads(table.to_json())["rows"] if row["front"]]
    assert members == [0, 1, 3]


def test_it_comes_back_from_mlflow_alone(busy: Sweep, database: str) -> None:
    table = table_of(busy.record)
    assert not Mirror(busy.folder, database).sync_once()
    busy.folder.rename(busy.folder.with_name("gone"))
    rebuilt = table_from_mlflow("tiny", database)
    assert rebuilt == table
    assert rebuilt.front == table.front
    assert rebuilt.hypervolume() == table.hypervolume()


def test_mlflow_draws_what_a_trial_was_worth_at_its_rungs(busy: Sweep, database: str) -> None:
    Mirror(busy.folder, database).sync_once()
    client = connect(database, timeout=5)
    (run,) = client.search_runs([experiment_id(client, database)], "tags.stopped_at = '30'")
    points = client.get_metric_history(run.info.run_id, "rung/erasure")
    assert [(point.step, point.value) for point in points] == [(10, 0.25), (30, 0.5)]
    assert run.info.status == "KILLED"


def test_of_sweeps_of_one_name_the_newest_comes_back(database: str, tmp_path: Path) -> None:
    for place, created in (("new", "11:00:00"), ("old", "10:00:00")):
        sweep = Sweep(tmp_path / place / "tiny", SCORES[: len(place) - 1], created)
        if place == "new":
            newest = table_of(sweep.record)
        else:
            sweep.finish(sweep.begin(), 0.1, 0.1)
        Mirror(sweep.folder, database).sync_once()
    assert table_from_mlflow("tiny", database) == newest


def test_a_sweep_that_mlflow_does_not_have_is_named(database: str) -> None:
    with pytest.raises(ValueError, match="nothere: expected a sweep in MLflow"):
        table_from_mlflow("nothere", database)


def test_a_server_that_is_away_is_named() -> None:
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:1: expected an MLflow server"):
        table_from_mlflow("tiny", "http://127.0.0.1:1")


def test_a_sweep_without_results_has_an_empty_front(tmp_path: Path) -> None:
    table = table_of(Sweep(tmp_path / "tiny").record)
    assert table.front == frozenset()
    assert table.best() == {}
    assert table.hypervolume() == {}


def test_its_own_trials_are_counted_from_0_whatever_came_before_them(busy: Sweep) -> None:
    table = table_of(busy.record)
    later = replace(table, rows=tuple(replace(row, trial=row.trial + 24) for row in table.rows))
    assert later.volumes() == table.volumes()
    assert table.volumes() == (list(table.hypervolume()), list(table.hypervolume().values()))
