"""What a promoted folder's manifest must say for somebody else to check it or do it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from pipeline.config import Experiment, parse_space
from pipeline.config.plain_json import load_object
from pipeline.evaluation.locate import Seat
from pipeline.search.places import MANIFEST

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    # A manifest says more than what is read here.
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class RecordedFile(_Part):
    """One file of the folder."""

    sha256: _Digest
    """Of its bytes."""


class RecordedBase(_Part):
    """The model that was trained."""

    name: str
    """Embedded name, folder or hub id."""
    revision: str | None = None
    """Of a hub id, as it was asked for."""
    commit: str | None = None
    """Of a hub id, that it meant."""
    fingerprint: _Digest
    """Of its weights and configurations."""


class RecordedJudgement(_Part):
    """How the second judgement was made."""

    seat: Seat
    """Which classifier judged."""
    seed: int
    """Added to each prompt's own seed."""
    repeats: Annotated[int, Field(ge=1)]
    """Pictures of each prompt."""
    surroundings: dict[str, str] = {}
    """Where: device, processor, threads."""


class Searched(_Part):
    """What the search knew of the trial."""

    metrics: dict[str, FiniteFloat] = {}
    """Of the first classifier."""


class Recorded(_Part):
    """A manifest, as far as it is checked."""

    form: Literal["folder", "lora", "delta"] = "folder"
    """In which the model is kept."""
    weights: str | None = None
    """Name of the file that belongs around the base; None where the folder is complete."""
    base: RecordedBase
    """What was trained."""
    model: _Digest
    """Fingerprint of the model that was judged."""
    judgement: RecordedJudgement | None = None
    """Absent from what was promoted before it was recorded."""
    searched: Searched = Searched()
    """The search's own judgement."""
    experiment: dict[str, Any]
    """What made the model."""
    versions: dict[str, str]
    """Of Python and of libraries."""
    files: dict[str, RecordedFile]
    """Every file but the manifest, by its path in the folder."""

    @property
    def made_by(self) -> Experiment:
        """The experiment that made the model.

        Raises:
            ValueError: this version of the package does not know such experiments.
        """
        return parse_space(self.experiment, f"experiment in {MANIFEST}").fixed()

    @classmethod
    def read(cls, folder: Path) -> Recorded:
        """Read the manifest of a folder.

        Raises:
            ValueError: there is none, or it is none that `unlearn promote` writes.
        """
        path = folder / MANIFEST
        remedy = "name what `unlearn promote` has made, or promote the trial again"
        tree = load_object(path, remedy)
        try:
            recorded = cls.model_validate(tree)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise ValueError(
                f"{path}: expected the manifest of a promoted model, got at {where}: "
                f"{first['msg']}; {remedy}"
            ) from error
        complete = recorded.form == "folder"
        name = recorded.weights
        if complete != (name is None) or (name is not None and name not in recorded.files):
            raise ValueError(
                f"{path}: expected {'no' if complete else 'one of its files as'} weights for the "
                f"form {recorded.form}, got {name!r}; {remedy}"
            )
        return recorded
