"""Sweep, trial and version tell of each other, whatever happens to the front later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.tracking import Mirror, table_of
from pipeline.tracking.connection import connect
from pipeline.tracking.ledger import Ledger
from pipeline.tracking.mirror import LEDGER
from pipeline.tracking.registry import register
from pipeline.tracking.story import NOTE, Version, came_from, tell_promotion
from tests.tracking.sweeps import Sweep

VERSION = "[tiny version 1](#/models/tiny/versions/1)"


def promoted(sweep: Sweep, uri: str, number: int) -> Any:
    """Register a trial as `publish` does, without a model; returns MLflow's client."""
    assert not Mirror(sweep.folder, uri).sync_once()
    client = connect(uri, timeout=20)
    ledger = Ledger.load(sweep.folder / LEDGER, uri)
    sent = ledger.trials[number]
    register(
        client,
        "tiny",
        f"runs:/{sent.run}/promoted",
        sent.run,
        tags={"sweep": "tiny", "trial": str(number)},
        description=came_from(client, sent),
    )
    trial = next(each for each in sweep.record.trials if each.number == number)
    tell_promotion(client, ledger, table_of(sweep.record), trial)
    return client


def tags_of(client: Any, sweep: Sweep, uri: str, number: int | None = None) -> dict[str, str]:
    """Of a trial's run, or of the sweep's."""
    ledger = Ledger.load(sweep.folder / LEDGER, uri)
    run = ledger.parent if number is None else ledger.trials[number].run
    tags: dict[str, str] = client.get_run(run).data.tags
    return tags


def test_a_model_s_name_is_text_in_the_link_to_it() -> None:
    assert Version("a](b)<i>", 1).link == (
        "[a&#93;(b)&#60;i&#62; version 1](#/models/a%5D%28b%29%3Ci%3E/versions/1)"
    )


def test_a_version_is_named_by_its_trial_and_its_sweep(database: str, sweep: Sweep) -> None:
    client = promoted(sweep, database, 3)
    assert VERSION in tags_of(client, sweep, database, 3)[NOTE]
    parent = tags_of(client, sweep, database)
    (line,) = [line for line in parent[NOTE].splitlines() if "| [3](#/experiments/" in line]
    assert line.endswith(f"| 0.9900 | 0.3000 | {VERSION} |")
    assert (parent["promoted"], parent["front"]) == ("3", "0, 1, 3")
    assert (parent["concept"], parent["base"]) == ("sneaker", "fashion-canvas")
    told = client.get_model_version("tiny", "1").description
    ledger = Ledger.load(sweep.folder / LEDGER, database)
    assert f"/runs/{ledger.trials[3].run})" in told
    assert f"/runs/{ledger.parent})" in told


def test_a_registered_trial_that_leaves_the_front_keeps_its_version(
    database: str, sweep: Sweep
) -> None:
    client = promoted(sweep, database, 3)
    sweep.finish(sweep.begin(), 0.995, 0.9)
    assert not Mirror(sweep.folder, database).sync_once()
    tags = tags_of(client, sweep, database, 3)
    assert tags["front"] == "false"
    assert "dominated" in tags[NOTE]
    assert VERSION in tags[NOTE]
    assert tags_of(client, sweep, database)["promoted"] == "3"


def test_another_sweep_of_the_same_name_has_none_of_its_versions(
    database: str, sweep: Sweep, tmp_path: Path
) -> None:
    promoted(sweep, database, 3)
    other = Sweep(tmp_path / "elsewhere" / "tiny", ((0.9, 0.9),), created="13:00:00")
    assert not Mirror(other.folder, database).sync_once()
    client = connect(database, timeout=20)
    assert "promoted" not in tags_of(client, other, database)
    assert "registered as" not in tags_of(client, other, database, 0)[NOTE]


def test_trials_are_searched_for_by_their_tags(database: str, sweep: Sweep) -> None:
    client = promoted(sweep, database, 3)
    wanted = (
        "tags.concept = 'sneaker' AND tags.base = 'fashion-canvas' AND tags.front = 'true' "
        "AND tags.kind = 'trial'"
    )
    experiment = client.get_run(Ledger.load(sweep.folder / LEDGER, database).parent).info
    found = client.search_runs([experiment.experiment_id], wanted)
    assert sorted(int(run.data.tags["trial"]) for run in found) == [0, 1, 3]
