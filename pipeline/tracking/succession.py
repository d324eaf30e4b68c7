"""Who is champion: each change is written down in the registry first, then done, then noted.

MLflow moves one alias at a time. A process that is killed in between leaves what it was about to do
in the model's tag `change`, and whoever changes something next does that first; doing it twice
comes to the same. In all that time some version is the champion.

Two people who change the same model at the same moment are not kept apart: MLflow has no locks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.tracking.aliases import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    aliased,
    numbered,
    registered_model,
    versions_of,
)
from pipeline.tracking.who import who

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

EVENT: Final = "event."
"""What the names of a model's tags begin with that tell what was changed, when, by whom and why."""

STANDING: Final = "standing"
"""Tag of a version: its aliases, `rolled back`, or `retired`."""

ROLLED_BACK: Final = "rolled_back"
"""Tag of a version that was rolled back: when, by whom and why."""

_PENDING: Final = "change"
_LINE: Final = "champions"
"""Tag of a model: numbers of its champions, oldest first, without those that were rolled back."""

Tell = Callable[[str, Mapping[int, str]], None]
"""Told a model's name and the standing of each of its versions."""


class Change(BaseModel):
    """One change of a model's aliases, as it stands in the registry."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    what: Literal["promoted", "registered", "crowned", "rolled back"]
    """`registered` as a challenger; `rolled back` from `was` to `version`."""
    version: int
    """That it is about."""
    was: int | None
    """Champion until then."""
    champion: int | None
    """Afterwards, and so are the next two."""
    previous: int | None
    challenger: int | None
    line: tuple[int, ...]
    """Champions afterwards, oldest first."""
    at: str
    """When: ISO 8601, UTC."""
    by: str
    """Who."""
    why: str
    """The reason; may be empty where nothing was taken back."""


def promoted(client: MlflowClient, name: str, version: int, tell: Tell) -> Change:
    """Make a new version the champion; the champion before it becomes `previous`."""
    return _crown(client, name, version, "promoted", "", tell)


def registered(client: MlflowClient, name: str, version: int, tell: Tell) -> Change:
    """Make a new version the challenger; the champion stays."""
    aliases, line = _now_holds(client, name)
    champion = aliases.get(CHAMPION)
    change = Change(
        what="registered",
        version=version,
        was=champion,
        champion=champion,
        previous=aliases.get(PREVIOUS),
        challenger=version,
        line=line,
        at=_now(),
        by=who(),
        why="",
    )
    return _make(client, name, change, tell)


def crown(client: MlflowClient, name: str, version: int, why: str, tell: Tell) -> Change:
    """Make any registered version the champion: the challenger, or one of long ago.

    Raises:
        ValueError: there is no such version, or it is the champion already.
    """
    finish(client, name, tell)
    known = versions_of(client, name)
    if version not in known:
        numbers = ", ".join(map(str, known)) or "none"
        raise ValueError(f"{name}/{version}: expected a version of {name} ({numbers})")
    if aliased(client, name, CHAMPION) == version:
        raise ValueError(
            f"{name}/{version}: expected another version than the champion, got the champion; "
            "there is nothing to do"
        )
    return _crown(client, name, version, "crowned", why, tell)


def rollback(client: MlflowClient, name: str, why: str, tell: Tell) -> Change:
    """Make the previous champion the champion again; the one before that becomes `previous`.

    The version that is taken back keeps no alias, so that a second rollback goes further back and
    never forward to it. A rollback that was interrupted is finished, and no other one is made.

    Raises:
        ValueError: there is no previous champion.
    """
    unfinished = finish(client, name, tell)
    if unfinished is not None and unfinished.what == "rolled back":
        return unfinished
    aliases, line = _now_holds(client, name)
    champion, target = aliases.get(CHAMPION), aliases.get(PREVIOUS)
    if target is None or target == champion:
        now = "none" if champion is None else f"version {champion} and none before it"
        raise ValueError(
            f"{name}: expected a previous champion to go back to, got {now}; "
            f"`unlearn crown {name}/VERSION` makes any version champion"
        )
    # What the page shows is what happens, also where somebody moved an alias by hand. Who was
    # champion twice counts once: what is taken back now must not be `previous` by its first time.
    before = line[: _last(line, target)] if target in line else ()
    line = (*(number for number in before if number not in (champion, target)), target)
    change = Change(
        what="rolled back",
        version=target,
        was=champion,
        champion=target,
        previous=line[-2] if len(line) > 1 else None,
        challenger=aliases.get(CHALLENGER),
        line=line,
        at=_now(),
        by=who(),
        why=why,
    )
    return _make(client, name, change, tell)


def finish(client: MlflowClient, name: str, tell: Tell) -> Change | None:
    """Do what a killed process was about to do to a model; None if there is nothing.

    A change to a version that was deleted since is dropped.

    Raises:
        ValueError: there is no such model.
    """
    noted = registered_model(client, name).tags.get(_PENDING)
    if noted is None:
        return None
    try:
        change = Change.model_validate_json(noted)
    except ValidationError:
        # Nobody knows what it was; the aliases say what holds.
        client.delete_registered_model_tag(name, _PENDING)
        return None
    there = versions_of(client, name)
    if change.version not in there or change.champion not in (None, *there):
        # MLflow refuses such an alias, for ever; those of now say what holds.
        client.delete_registered_model_tag(name, _PENDING)
        return None
    gone = {each: None for each in (PREVIOUS, CHALLENGER) if getattr(change, each) not in there}
    change = change.model_copy(update=gone)
    _do(client, name, change, tell)
    return change


def events_of(tags: Mapping[str, str]) -> list[Change]:
    """What was changed of a model, newest first, by its tags; what nobody can read is left out."""
    found = []
    for tag in sorted((tag for tag in tags if tag.startswith(EVENT)), reverse=True):
        try:
            found.append(Change.model_validate_json(tags[tag]))
        except ValidationError:
            continue
    return found


def _crown(
    client: MlflowClient,
    name: str,
    version: int,
    what: Literal["promoted", "crowned"],
    why: str,
    tell: Tell,
) -> Change:
    aliases, line = _now_holds(client, name)
    was, challenger = aliases.get(CHAMPION), aliases.get(CHALLENGER)
    change = Change(
        what=what,
        version=version,
        was=was,
        champion=version,
        previous=was,
        challenger=None if challenger == version else challenger,
        line=(*line, version),
        at=_now(),
        by=who(),
        why=why,
    )
    return _make(client, name, change, tell)


def _make(client: MlflowClient, name: str, change: Change, tell: Tell) -> Change:
    client.set_registered_model_tag(name, _PENDING, change.model_dump_json())
    _do(client, name, change, tell)
    return change


def _do(client: MlflowClient, name: str, change: Change, tell: Tell) -> None:
    wanted = {
        CHAMPION: change.champion,
        PREVIOUS: change.previous,
        CHALLENGER: change.challenger,
    }
    for alias, version in wanted.items():
        if version is None:
            client.delete_registered_model_alias(name, alias)
        else:
            client.set_registered_model_alias(name, alias, str(version))
    client.set_registered_model_tag(name, _LINE, " ".join(map(str, change.line)))
    versions = versions_of(client, name)
    taken_back = {number for number, each in versions.items() if ROLLED_BACK in each.tags}
    if change.what == "rolled back" and change.was in versions:
        note = f"{change.at} by {change.by}: {change.why}"
        client.set_model_version_tag(name, str(change.was), ROLLED_BACK, note)
        taken_back.add(change.was)
    if change.champion in taken_back:
        client.delete_model_version_tag(name, str(change.champion), ROLLED_BACK)
        taken_back.remove(change.champion)
    standings = {}
    for number in versions:
        own = [alias for alias, version in wanted.items() if version == number]
        rest = "rolled back" if number in taken_back else "retired"
        standings[number] = " and ".join(own) or rest
    _tell_standings(client, name, versions, standings)
    tell(name, standings)
    moment = datetime.fromisoformat(change.at).strftime("%Y%m%dT%H%M%S%fZ")
    client.set_registered_model_tag(name, EVENT + moment, change.model_dump_json())
    client.delete_registered_model_tag(name, _PENDING)


def _tell_standings(
    client: MlflowClient,
    name: str,
    versions: Mapping[int, ModelVersion],
    standings: Mapping[int, str],
) -> None:
    """Have tags of versions, and of the runs that made them, say what the aliases say."""
    runs: dict[str, list[str]] = {}
    for number, version in sorted(versions.items(), reverse=True):
        if version.tags.get(STANDING) != standings[number]:
            client.set_model_version_tag(name, str(number), STANDING, standings[number])
        if version.run_id:
            text = f"{name} version {number}, {standings[number]}"
            runs.setdefault(version.run_id, []).append(text)
    for run, texts in runs.items():
        _tag_run(client, run, name, texts)


def _tag_run(client: MlflowClient, run: str, name: str, texts: list[str]) -> None:
    """Say in a run's tag `promoted` what became of it; what it says of other models stays."""
    from mlflow.exceptions import MlflowException

    try:
        before = client.get_run(run).data.tags.get("promoted", "")
        others = [
            text for text in before.split("; ") if text and not text.startswith(f"{name} version ")
        ]
        told = "; ".join([*texts, *others])
        if told != before:
            client.set_tag(run, "promoted", told)
    except MlflowException as error:
        # A version outlives its run: one that was deleted is told nothing.
        gone = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE")
        if error.error_code not in gone:
            raise


def _now_holds(client: MlflowClient, name: str) -> tuple[dict[str, int], tuple[int, ...]]:
    """A model's aliases, and its champions up to the one of now, oldest first."""
    model = registered_model(client, name)
    aliases = numbered(model.aliases)
    champion, previous = aliases.get(CHAMPION), aliases.get(PREVIOUS)
    if champion is None:
        return aliases, ()
    there = versions_of(client, name)
    words = model.tags.get(_LINE, "").split()
    line = tuple(
        number
        for number in (int(word) for word in words if word.isdecimal())
        if number in there and (number == champion or ROLLED_BACK not in there[number].tags)
    )
    if not line and previous is not None and previous != champion:
        line = (previous,)  # of a model from before this tag
    return aliases, line if line and line[-1] == champion else (*line, champion)


def _last(line: tuple[int, ...], version: int) -> int:
    return len(line) - 1 - line[::-1].index(version)


def _now() -> str:
    return datetime.now(UTC).isoformat()
