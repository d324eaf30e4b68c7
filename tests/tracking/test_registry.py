"""The registry: versions, and the two aliases that say which one counts."""

from __future__ import annotations

import pytest

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


def test_a_version_is_known_before_it_is_the_champion(database: str) -> None:
    """Whoever is interrupted there has a version without an alias, and knows whose it is."""
    client = connect(database, timeout=5)
    run = client.create_run(experiment_id(client, database)).info.run_id

    def interrupted(name: str, version: int) -> None:
        assert (name, version) == ("fashion", 1)
        raise KeyboardInterrupt

    source, tags = f"runs:/{run}/promoted", {"trial": "3"}
    with pytest.raises(KeyboardInterrupt):
        register(client, "fashion", source, run, tags=tags, description="", made=interrupted)
    assert aliased(client, "fashion", CHAMPION) is None
