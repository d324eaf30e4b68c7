"""MLflow's model registry: a version a promotion, and aliases that say which one counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.tracking.aliases import CHALLENGER, CHAMPION, PREVIOUS, aliased, versions_of
from pipeline.tracking.succession import Tell, finish, promoted, registered

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "PREVIOUS",
    "Listing",
    "Registered",
    "aliased",
    "check_concept",
    "register",
]


@dataclass(frozen=True)
class Listing:
    """As what a promotion is registered.

    Attributes:
        name: of the registered model; the sweep's if None. Versions of several sweeps under one
            name have one champion among them.
        challenger: whether it leaves the champion where it is.
    """

    name: str | None = None
    challenger: bool = False


@dataclass(frozen=True)
class Registered:
    """A version in the registry.

    Attributes:
        name: of the registered model.
        version: its number.
        previous: number of the version that was champion before; None if there was none.
        alias: that it got.
    """

    name: str
    version: int
    previous: int | None
    alias: str = CHAMPION


def register(  # noqa: PLR0913  (where, what, from which run, and what is told of it)
    client: MlflowClient,
    name: str,
    source: str,
    run: str,
    *,
    tags: Mapping[str, str],
    description: str,
    challenger: bool = False,
    made: Callable[[str, int], None] = lambda *_: None,
    tell: Tell = lambda *_: None,
) -> Registered:
    """Make a version and hand it the alias `champion`; the earlier champion gets `previous`.

    Args:
        client: of the registry.
        name: of the registered model; made if it isn't there.
        source: `runs:/RUN/PATH` of the folder.
        run: id of the run that holds it.
        tags: of the version.
        description: of the version, Markdown.
        challenger: whether it gets the alias `challenger` in place of it.
        made: told the version's name and number before it gets an alias.
        tell: told the standing of every version.

    Raises:
        ValueError: the model's versions erased something else.
    """
    _ensure_model(client, name)
    finish(client, name, tell)
    check_concept(client, name, tags.get("concept"))
    new = client.create_model_version(
        name, source, run_id=run, tags=dict(tags), description=description
    )
    version = int(new.version)
    made(name, version)
    if challenger:
        change = registered(client, name, version, tell)
        return Registered(name, version, change.was, CHALLENGER)
    return Registered(name, version, promoted(client, name, version, tell).was)


def check_concept(client: MlflowClient, name: str, concept: str | None) -> None:
    """Refuse another concept: a rollback must not bring back a model that erased something else.

    Raises:
        ValueError: the model's versions erased something else than `concept`.
    """
    for version in versions_of(client, name).values():
        if version.tags.get("concept", concept) != concept:
            raise ValueError(
                f"{name}: expected a registered model whose versions erased {concept}, got one "
                f"whose version {version.version} erased {version.tags['concept']}; name another "
                "one with --into"
            )


def _ensure_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
