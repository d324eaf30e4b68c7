"""What the registry knows of a concept: every version without it, over all sweeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pipeline.tracking.aliases import registered_model
from pipeline.tracking.succession import Change, events_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

METRICS: Final = ("ua", "ira", "cra", "alignment")
"""Tags of a version that are numbers."""


@dataclass(frozen=True)
class Entry:
    """A version in the history of a concept.

    Attributes:
        name: of the registered model.
        version: its number.
        aliases: that it bears now.
        standing: its aliases, `rolled back` or `retired`, as its tag says; None where none does.
        created: ISO 8601, UTC.
        sweep: that it comes from.
        trial: of the sweep.
        concept: all that this sweep erased.
        erased_before: what its base had forgotten already; None if nothing.
        base: fingerprint of its base.
        metrics: of the second judgement, those of `METRICS` that were measured.
        gate: what became of it at its gate; None where there was none.
        override: who promoted it all the same, and why; None where nobody had to.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    standing: str | None
    created: str
    sweep: str | None
    trial: int | None
    concept: str
    erased_before: str | None
    base: str | None
    metrics: Mapping[str, float]
    gate: str | None
    override: str | None


@dataclass(frozen=True)
class Event:
    """A change of a model's aliases."""

    name: str
    change: Change


@dataclass(frozen=True)
class History:
    """A concept's versions and what was changed about them, each newest first."""

    concept: str
    versions: tuple[Entry, ...]
    events: tuple[Event, ...]


def history(client: MlflowClient, concept: str) -> History:
    """The versions that erased a concept, alone or with others, or whose base had.

    Args:
        client: of the registry.
        concept: a value as it stands in `concept.forget`.

    Raises:
        ValueError: there are none; names the concepts of which there are.
    """
    every = _every_version(client)
    chosen = [version for version in every if _is_without(version, concept)]
    if not chosen:
        known = "; ".join(sorted({told for version in every for told in _erased(version)}))
        raise ValueError(
            f"concept {concept!r}: expected one that a registered version has erased "
            f"({known or 'there is none yet'}); promote a trial first, or name another server with "
            "MLFLOW_TRACKING_URI"
        )
    models = {name: registered_model(client, name) for name in {each.name for each in chosen}}
    chosen.sort(key=lambda each: (each.creation_timestamp, int(each.version)), reverse=True)
    events = [
        Event(name, change) for name, model in models.items() for change in events_of(model.tags)
    ]
    return History(
        concept,
        tuple(_entry(each, models[each.name]) for each in chosen),
        tuple(sorted(events, key=lambda event: event.change.at, reverse=True)),
    )


def _every_version(client: MlflowClient) -> list[ModelVersion]:
    """All that `unlearn promote` registered; nothing a user writes gets into a query."""
    found: list[ModelVersion] = []
    token: str | None = None
    while True:
        page = client.search_model_versions("tags.concept LIKE '%'", page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _erased(version: ModelVersion) -> list[str]:
    """What it erased and what had been before, each as a tag says it."""
    return [told for name in ("concept", "erased_before") if (told := version.tags.get(name))]


def _is_without(version: ModelVersion, concept: str) -> bool:
    # A concept's own name may hold a comma.
    return any(f", {concept}, " in f", {told}, " for told in _erased(version))


def _entry(version: ModelVersion, model: RegisteredModel) -> Entry:
    tags: dict[str, str] = version.tags
    own = [alias for alias, number in model.aliases.items() if int(number) == int(version.version)]
    created = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC)
    return Entry(
        name=version.name,
        version=int(version.version),
        aliases=tuple(sorted(own)),
        standing=tags.get("standing"),
        created=created.isoformat(timespec="seconds"),
        sweep=tags.get("sweep"),
        trial=int(tags["trial"]) if tags.get("trial", "").isdecimal() else None,
        concept=tags["concept"],
        erased_before=tags.get("erased_before"),
        base=tags.get("base"),
        metrics={name: value for name in METRICS if (value := _number(tags.get(name))) is not None},
        gate=_gate(tags),
        override=tags.get("gate.override"),
    )


def _gate(tags: Mapping[str, str]) -> str | None:
    """What became of it, and that the gate was not the sweep's own, where it was not."""
    known = tags.get("gate")
    return f"{known}, changed" if known and "gate.changed" in tags else known


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
