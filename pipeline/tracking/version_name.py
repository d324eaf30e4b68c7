"""What people call a registered version: `NAME/3` or `NAME@champion`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.tracking.aliases import aliases_of, versions_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_MODEL: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VERSION: Final = re.compile(rf"({_MODEL.pattern})(?:/([0-9]{{1,9}})|@([a-z][a-z0-9_-]{{0,63}}))")

_LOOKS: Final = re.compile(rf"{_MODEL.pattern}/[a-z][a-z0-9_-]{{0,63}}")
"""An alias as other verbs name a sweep's champion."""


@dataclass(frozen=True)
class VersionName:
    """A version by its number, or by an alias.

    Attributes:
        model: name of the registered model.
        number: of the version; None where an alias says which.
        alias: that says which; None where a number does.
    """

    model: str
    number: int | None
    alias: str | None

    @classmethod
    def parse(cls, text: str) -> VersionName:
        """Read `NAME/3` or `NAME@champion`.

        Raises:
            ValueError: it is neither.
        """
        found = _VERSION.fullmatch(text)
        if found is None:
            raise ValueError(
                f"version {text!r}: expected NAME/NUMBER or NAME@ALIAS, such as demo/3 or "
                "demo@champion, with a name of lower-case letters, digits, '.', '_' and '-'"
                + (f"; did you mean {text.replace('/', '@')}?" if _LOOKS.fullmatch(text) else "")
            )
        number = None if found[2] is None else int(found[2])
        return cls(found[1], number, found[3])

    def find(self, client: MlflowClient) -> ModelVersion:
        """Look it up.

        Raises:
            ValueError: there is no such model, version or alias; names those that there are.
        """
        aliases = aliases_of(client, self.model)
        if self.alias is not None and self.alias not in aliases:
            known = ", ".join(f"{alias} is {number}" for alias, number in sorted(aliases.items()))
            raise ValueError(
                f"{self.model}@{self.alias}: expected an alias of {self.model} "
                f"({known or 'it has none'})"
            )
        number = aliases[self.alias] if self.alias is not None else self.number
        versions = versions_of(client, self.model)
        if number not in versions:
            known = ", ".join(map(str, versions)) or "it has none"
            raise ValueError(f"{self.model}/{number}: expected a version of {self.model} ({known})")
        return versions[number]


def check_model_name(name: str) -> None:
    """Refuse what can be no registered model's name here.

    Raises:
        ValueError: it is none; MLflow's own rules are wider, and such names need quoting.
    """
    if not _MODEL.fullmatch(name):
        raise ValueError(
            f"registered model {name!r}: expected lower-case letters, digits, '.', '_' and '-' (at "
            "most 64, beginning with a letter or digit)"
        )
