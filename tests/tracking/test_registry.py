"""The registry: versions, and the two aliases that say which one counts."""

from __future__ import annotations

from pipeline.tracking.connection import connect, experiment_id
from pipeline.tracking.registry import CHAMPION, PREVIOUS, aliased, register


def test_the_champion_moves_and_the_one_before_it_is_kept(database: str) -> None:
    client = connect(database, timeout=5)
    run = client.create_run(experiment_id(client, database)).info.run_id

    def promoted(name: str = "fashion") -> tuple[int, int | None]:
        source = f"runs:/{run}/promoted"
        made = register(client, name, source, run, tags={"trial": "3"}, description="good")
        return made.version, made.previous

    assert promoted() == (1, None)
    assert aliased(client, "fashion", PREVIOUS) is None
    assert promoted() == (2, 1)
    assert promoted() == (3, 2)
    assert promoted("another") == (1, None)
    assert aliased(client, "fashion", CHAMPION) == 3
    assert aliased(client, "fashion", PREVIOUS) == 2
    version = client.get_model_version_by_alias("fashion", CHAMPION)
    tags = {"trial": "3", "standing": "champion"}
    assert (version.run_id, version.tags, version.description) == (run, tags, "good")
