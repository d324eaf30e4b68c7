"""Reading MLflow's registry: which versions a model has, and which of them count.

`champion` is the version to use, `previous` the one that a rollback goes back to, `challenger` one
that was judged as any other and is not in use yet. There is at most one of each a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

CHAMPION: Final = "champion"
"""Alias of the version to use."""

PREVIOUS: Final = "previous"
"""Alias of the champion before it."""

CHALLENGER: Final = "challenger"
"""Alias of the version registered last without becoming champion."""


def aliased(client: MlflowClient, name: str, alias: str) -> int | None:
    """The version that bears an alias; None if there is none."""
    return aliases_of(client, name).get(alias)


def aliases_of(client: MlflowClient, name: str) -> dict[str, int]:
    """Version by alias.

    Raises:
        ValueError: there is no such registered model.
    """
    return numbered(registered_model(client, name).aliases)


def numbered(aliases: Mapping[str, str]) -> dict[str, int]:
    """Aliases as MLflow has them, with versions as numbers."""
    return {alias: int(version) for alias, version in aliases.items()}


def registered_model(client: MlflowClient, name: str) -> RegisteredModel:
    """A model with its aliases and tags.

    Raises:
        ValueError: there is none of this name.
    """
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise ValueError(
            f"{name}: expected a registered model, there is none of this name; "
            "`unlearn history CONCEPT` lists those that erased a concept, and MLFLOW_TRACKING_URI "
            "names another server"
        ) from error


def versions_of(client: MlflowClient, name: str) -> dict[int, ModelVersion]:
    """A model's versions by number, without their aliases."""
    found: dict[int, ModelVersion] = {}
    token: str | None = None
    while True:
        page = client.search_model_versions(f"name = '{name}'", page_token=token)
        found |= {int(version.version): version for version in page}
        token = page.token
        if not token:
            return dict(sorted(found.items()))
