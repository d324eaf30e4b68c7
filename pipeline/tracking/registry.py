"""MLflow's model registry: a version a promotion, and two aliases that say which one counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION: Final = "champion"
"""Alias of the version promoted last."""

PREVIOUS: Final = "previous"
"""Alias of the champion before it."""


@dataclass(frozen=True)
class Registered:
    """A version in the registry.

    Attributes:
        name: of the registered model.
        version: its number.
        previous: number of the version that was champion before; None if there was none.
    """

    name: str
    version: int
    previous: int | None


def register(
    client: MlflowClient,
    name: str,
    source: str,
    run: str,
    *,
    tags: Mapping[str, str],
    description: str,
) -> Registered:
    """Make a version and hand it the alias `champion`; the earlier champion gets `previous`.

    Args:
        client: of the registry.
        name: of the registered model; made if it isn't there.
        source: `runs:/RUN/PATH` of the folder.
        run: id of the run that holds it.
        tags: of the version.
        description: of the version, Markdown.
    """
    _ensure_model(client, name)
    champion = aliased(client, name, CHAMPION)
    made = client.create_model_version(
        name, source, run_id=run, tags=dict(tags), description=description
    )
    version = int(made.version)
    # In this order a kill in between leaves a champion, and never takes `previous` from it.
    if champion is not None:
        client.set_registered_model_alias(name, PREVIOUS, str(champion))
    client.set_registered_model_alias(name, CHAMPION, str(version))
    return Registered(name, version, champion)


def aliased(client: MlflowClient, name: str, alias: str) -> int | None:
    """The version that bears an alias; None if there is none."""
    aliases: dict[str, str] = client.get_registered_model(name).aliases
    return int(aliases[alias]) if alias in aliases else None


def _ensure_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
