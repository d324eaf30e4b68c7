"""Champion, previous and challenger: one story in aliases and tags, also after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.search.files import read_json, write_json
from pipeline.tracking.aliases import aliases_of, versions_of
from pipeline.tracking.connection import connect, experiment_id
from pipeline.tracking.gate_result import Override
from pipeline.tracking.marks import mark, marking
from pipeline.tracking.registry import register
from pipeline.tracking.succession import EVENT, crown, events_of, finish, registered, rollback
from tests.cli.in_process import tell


class Book:
    """A registry with one run in it, and what was told of standings."""

    def __init__(self, client: Any, experiment: str, name: str) -> None:
        self.client = client
        self.run = client.create_run(experiment).info.run_id
        self.name = name
        self.told: dict[int, str] = {}

    def tell(self, name: str, standings: Mapping[int, str]) -> None:
        """Keep what is told."""
        assert name == self.name
        self.told = dict(standings)

    def enter(self, *, challenger: bool = False, concept: str = "sneaker") -> int:
        """Register a version."""
        made = register(
            self.client,
            self.name,
            f"runs:/{self.run}/promoted",
            self.run,
            tags={"concept": concept},
            description="",
            challenger=challenger,
            tell=self.tell,
        )
        return made.version

    def open(self, champions: int) -> None:
        """Begin with so many versions, each of which was the champion in its turn."""
        self.client.create_registered_model(self.name)
        for _ in range(champions):
            self.client.create_model_version(self.name, f"runs:/{self.run}/x", run_id=self.run)
        line = [str(number) for number in range(1, champions + 1)]
        self.client.set_registered_model_tag(self.name, "champions", " ".join(line))
        self.client.set_registered_model_alias(self.name, "champion", line[-1])
        self.client.set_registered_model_alias(self.name, "previous", line[-2])

    @property
    def aliases(self) -> dict[str, int]:
        """As they are in the registry."""
        return aliases_of(self.client, self.name)

    def assert_one_story(self) -> None:
        """Tags of versions and of the run, and what was told, say what the aliases say."""
        standings = {}
        for number, version in versions_of(self.client, self.name).items():
            own = [
                a for a in ("champion", "previous", "challenger") if self.aliases.get(a) == number
            ]
            rest = "rolled back" if "rolled_back" in version.tags else "retired"
            standings[number] = " and ".join(own) or rest
            assert version.tags["standing"] == standings[number]
        assert self.told == standings
        told = self.client.get_run(self.run).data.tags["promoted"].split("; ")
        assert told == [f"{self.name} version {n}, {standings[n]}" for n in sorted(standings)[::-1]]
        assert "change" not in self.client.get_registered_model(self.name).tags


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Any:
    path = tmp_path_factory.mktemp("books") / "mlflow.db"
    shutil.copyfile(empty_database, path)
    return connect(f"sqlite:///{path}", timeout=5)


@pytest.fixture
def book(client: Any) -> Book:
    """A model of its own."""
    name = f"fashion-{len(client.search_registered_models())}"
    return Book(client, experiment_id(client, client.tracking_uri), name)


def test_a_challenger_displaces_nobody_until_it_is_crowned(book: Book) -> None:
    book.enter(challenger=True)
    assert book.aliases == {"challenger": 1}
    book.enter()
    assert book.aliases == {"champion": 2, "challenger": 1}
    book.enter(challenger=True)
    assert book.aliases == {"champion": 2, "challenger": 3}
    book.assert_one_story()
    assert book.told[1] == "retired"
    crown(book.client, book.name, 3, "better hands", book.tell)
    assert book.aliases == {"champion": 3, "previous": 2}
    book.assert_one_story()


def test_rollbacks_go_back_and_never_forward(book: Book) -> None:
    for _ in range(3):
        book.enter()
    change = rollback(book.client, book.name, "it draws shoes", book.tell)
    assert (change.was, change.champion) == (3, 2)
    assert book.aliases == {"champion": 2, "previous": 1}
    book.assert_one_story()
    third = versions_of(book.client, book.name)[3]
    assert third.tags["rolled_back"] == f"{change.at} by {change.by}: it draws shoes"
    rollback(book.client, book.name, "so does this one", book.tell)
    assert book.aliases == {"champion": 1}
    with pytest.raises(ValueError, match=r"expected a previous champion .* version 1 and"):
        rollback(book.client, book.name, "again", book.tell)
    # What was taken back may come back, and is then no longer called so.
    crown(book.client, book.name, 3, "mended", book.tell)
    assert book.aliases == {"champion": 3, "previous": 1}
    book.assert_one_story()
    assert book.told == {1: "previous", 2: "rolled back", 3: "champion"}
    events = events_of(book.client.get_registered_model(book.name).tags)
    said = [(event.what, event.was, event.version, event.why) for event in events]
    assert said == [
        ("crowned", 1, 3, "mended"),
        ("rolled back", 2, 1, "so does this one"),
        ("rolled back", 3, 2, "it draws shoes"),
        ("promoted", 2, 3, ""),
        ("promoted", 1, 2, ""),
        ("promoted", None, 1, ""),
    ]


def test_a_version_that_was_champion_twice_is_taken_back_once(book: Book) -> None:
    book.open(2)
    crown(book.client, book.name, 1, "", book.tell)
    rollback(book.client, book.name, "no", book.tell)
    assert book.aliases == {"champion": 2}
    with pytest.raises(ValueError, match=r"expected a previous champion .* version 2 and"):
        rollback(book.client, book.name, "again", book.tell)
    assert book.told == {1: "rolled back", 2: "champion"}
    # Nor does it come back by a line that was written when it counted twice.
    book.client.set_registered_model_tag(book.name, "champions", "1 2")
    book.enter()
    rollback(book.client, book.name, "no", book.tell)
    assert book.aliases == {"champion": 2}


def test_aliases_that_were_moved_by_hand_count(book: Book) -> None:
    book.open(3)
    book.client.set_registered_model_alias(book.name, "previous", "1")
    rollback(book.client, book.name, "no", book.tell)
    assert book.aliases == {"champion": 1}
    book.client.delete_model_version(book.name, "2")
    book.enter()
    assert book.aliases == {"champion": 4, "previous": 1}


def test_a_model_from_before_these_tags_rolls_back(book: Book) -> None:
    book.open(2)
    book.client.delete_registered_model_tag(book.name, "champions")
    rollback(book.client, book.name, "no", book.tell)
    assert book.aliases == {"champion": 1}


def test_nothing_is_crowned_that_is_not_there_or_is_it_already(book: Book) -> None:
    with pytest.raises(ValueError, match="expected a registered model, there is none"):
        rollback(book.client, book.name, "no", book.tell)
    book.enter()
    with pytest.raises(ValueError, match=r"/7: expected a version of fashion-\d+ \(1\)"):
        crown(book.client, book.name, 7, "", book.tell)
    with pytest.raises(ValueError, match="/1: expected another version than the champion"):
        crown(book.client, book.name, 1, "", book.tell)


def test_versions_of_one_model_erased_one_concept(book: Book) -> None:
    book.enter()
    with pytest.raises(ValueError, match="whose version 1 erased sneaker; name another one with"):
        book.enter(concept="bag")


class Killed(BaseException):
    """The process ends here."""


class Mortal:
    """A client on a real store that dies before its n-th change."""

    def __init__(self, client: Any, lives: int) -> None:
        self._client = client
        self._lives = lives

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("set_", "delete_", "create_")):
            if self._lives == 0:
                raise Killed
            self._lives -= 1
        return getattr(self._client, name)


def test_a_kill_anywhere_leaves_a_champion_and_is_made_good(book: Book) -> None:
    client = book.client
    book.open(5)
    for champion, lives in ((5, 1), (4, 2), (3, 4), (2, 8)):
        mortal: Any = Mortal(client, lives)
        with pytest.raises(Killed):
            rollback(mortal, book.name, "no", book.tell)
        # Before its first change an alias is as it was.
        assert book.aliases["champion"] == (champion if lives == 1 else champion - 1)
        finished = finish(client, book.name, book.tell)
        assert finished is not None
        assert finished.was == champion
        rest = {"previous": champion - 2} if champion > 2 else {}
        assert book.aliases == {"champion": champion - 1, **rest}
        book.assert_one_story()


def test_an_interrupted_rollback_is_not_made_twice(book: Book) -> None:
    book.open(3)
    mortal: Any = Mortal(book.client, 2)
    with pytest.raises(Killed):
        rollback(mortal, book.name, "first", book.tell)
    assert book.aliases["champion"] == 2
    assert rollback(book.client, book.name, "second", book.tell).why == "first"
    assert book.aliases == {"champion": 2, "previous": 1}
    assert (
        sum(tag.startswith(EVENT) for tag in book.client.get_registered_model(book.name).tags) == 1
    )


def test_a_damaged_note_of_a_change_is_dropped(book: Book) -> None:
    book.enter()
    book.client.set_registered_model_tag(book.name, "change", "{")
    assert finish(book.client, book.name, book.tell) is None
    assert "change" not in book.client.get_registered_model(book.name).tags


def test_a_change_to_a_version_that_is_gone_is_dropped(book: Book) -> None:
    book.open(3)
    for version, champion in (("1", 3), ("2", 4)):
        mortal: Any = Mortal(book.client, 1)
        with pytest.raises(Killed):
            crown(mortal, book.name, int(version), "", book.tell)
        book.client.delete_model_version(book.name, version)
        assert finish(book.client, book.name, book.tell) is None
        assert book.aliases["champion"] == champion
        book.enter()
        book.assert_one_story()


def test_a_change_is_made_without_the_previous_champion_that_is_gone(book: Book) -> None:
    book.open(3)
    mortal: Any = Mortal(book.client, 1)
    with pytest.raises(Killed):
        rollback(mortal, book.name, "no", book.tell)
    book.client.delete_model_version(book.name, "1")
    assert finish(book.client, book.name, book.tell) is not None
    assert book.aliases == {"champion": 2}
    book.assert_one_story()


def test_the_challenger_that_is_crowned_is_known_when_all_changes_are_made(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", book.client.tracking_uri)
    monkeypatch.setenv("UNLEARN_HOME", str(tmp_path))
    book.enter()
    book.enter(challenger=True)
    version = book.client.create_model_version(book.name, f"runs:/{book.run}/x", run_id=book.run)
    mortal: Any = Mortal(book.client, 1)
    with pytest.raises(Killed):
        registered(mortal, book.name, int(version.version), book.tell)
    told = tell("crown", f"{book.name}@challenger")
    assert told.code == 0, told.err
    assert book.aliases == {"champion": 3, "previous": 1}


def test_an_override_and_a_change_name_the_same_person(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    book.open(2)
    assert rollback(book.client, book.name, "no", book.tell).by == "ada"
    assert Override.now("a drill").who == "ada"


def test_marks_beside_folders_follow(tmp_path: Path) -> None:
    folders = [tmp_path / "fashion" / "promoted" / name for name in ("0001", "0001-2")]
    other = tmp_path / "other" / "promoted" / "0001"
    write_json(folders[0].with_suffix(".json"), {"version": 1})  # from before standings
    mark(folders[1], "fashion", 2, "champion")
    mark(other, "another", 1, "champion")
    marking(tmp_path)("fashion", {1: "champion", 2: "rolled back"})
    standings = [
        (read_json(folder.with_suffix(".json")) or {})["standing"] for folder in (*folders, other)
    ]
    assert standings == ["champion", "rolled back", "champion"]
