"""What a judged model got: a typed, frozen report that goes to JSON and comes back unchanged.

Legend: f runs over the pictures of forget prompts, r over those of retain prompts; p is the
classifier's probability, ŷ its most probable class, t(f) the forgotten value that prompt f names.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from pipeline.config.experiment import ConceptConfig

METRIC_FORMULAS: Final[dict[str, str]] = {
    "erasure": "1 - mean over f of p(t(f)); in [0, 1], higher is better",
    "ua": "1 - mean over f of [ŷ = t(f)]; in [0, 1], higher is better",
    "ira": "mean over r of [ŷ = the value r names on the concept's own axis]; in [0, 1], higher",
    "cra": "mean over r of [ŷ = the value r names on the other erasable axis]; in [0, 1], higher "
    "(pictures of forget prompts are left out)",
    "worst_neighbour": "least accuracy among the concept's neighbours, over r; in [0, 1], higher",
    "alignment": "clip / the base model's clip on the same prompts and seeds; higher, base 1",
    "clip": "mean over r of cos(CLIP picture features, CLIP text features); in [-1, 1], higher",
    "clip_forget": "the same over f; in [-1, 1], where lower says that less of the concept is left",
    "none_share": "mean over r of [ŷ = none of these], on the object axis; in [0, 1], lower",
    "none_share_forget": "the same over f: erased by drawing no object at all; in [0, 1]",
}
"""Formula, range and direction of every key of a report's metrics."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class JudgeIdentity(_Section):
    """Which judge gave the verdicts."""

    name: str
    """The name of its folder."""
    fingerprint: str
    """SHA-256 over its weights and configuration."""


class Judges(_Section):
    """Both judges of a report."""

    classifier: JudgeIdentity
    """What is shown, and in which style."""
    clip: JudgeIdentity
    """How well a picture agrees with its prompt."""


class ImageCounts(_Section):
    """How many pictures were judged."""

    forget: Annotated[int, Field(ge=1)]
    """Of prompts that name the concept."""
    retain: Annotated[int, Field(ge=1)]
    """Of prompts that do not."""


class Sampling(_Section):
    """How the judged pictures were sampled."""

    steps: int
    """Denoising steps."""
    guidance: FiniteFloat
    """Classifier-free guidance scale."""
    seed: int
    """Added to each prompt's own seed."""
    repeats: int
    """Pictures of each prompt, each from its own noise."""


class JudgedPicture(_Section):
    """One picture: what was asked for, from which noise, and what the judges saw."""

    text: str
    """The prompt."""
    seed: int
    """The noise's seed."""
    asked: dict[str, str]
    """Value by axis that the prompt states."""
    seen: dict[str, str]
    """The classifier's most probable value by axis."""
    target_probability: FiniteFloat | None
    """p(t(f)) where the prompt names the concept."""
    clip: FiniteFloat
    """Cosine of picture and prompt."""
    base_clip: FiniteFloat
    """The same for the base model's picture of this prompt and seed."""


class Report(_Section):
    """A model's measures on held-out prompts and fixed seeds, beside its base's."""

    model: str
    """Fingerprint of the judged model."""
    base: str
    """Fingerprint of the model it is compared with."""
    concept: ConceptConfig
    """What was to be erased."""
    metrics: dict[str, FiniteFloat]
    """The keys of `METRIC_FORMULAS`."""
    base_metrics: dict[str, FiniteFloat]
    """The same of the base model."""
    neighbours: dict[str, FiniteFloat]
    """Accuracy of each retained neighbour of the concept, nearest first."""
    by_value: dict[str, dict[str, FiniteFloat]]
    """Accuracy by axis and value: forgotten values over f, all others over r."""
    images: ImageCounts
    """How many pictures were judged."""
    judge: Judges
    """Who judged."""
    sampling: Sampling
    """How the pictures were sampled."""
    pictures: tuple[JudgedPicture, ...]
    """Every picture: those of forget prompts first."""
    seconds: dict[str, FiniteFloat]
    """Wall-clock time by part: base, sampling, judging; only the first where the base is judged."""

    @model_validator(mode="after")
    def _has_every_metric(self) -> Self:
        for field, metrics in (("metrics", self.metrics), ("base_metrics", self.base_metrics)):
            if set(metrics) != set(METRIC_FORMULAS):
                raise ValueError(
                    f"{field}: expected exactly {sorted(METRIC_FORMULAS)}, got {sorted(metrics)}"
                )
        return self

    def save(self, path: Path) -> None:
        """Write as JSON; the file appears whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        partial = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.model_dump_json(indent=1) + "\n")
            partial.chmod(0o644)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Report:
        """Read what `save` wrote.

        Raises:
            ValueError: there is no such file, or it holds no report.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ValueError(
                f"{path}: expected a report, got: {error.strerror}; judge the model first with "
                "`unlearn evaluate`"
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ValueError(
                f"{path}: expected a report as `unlearn evaluate` writes it, got at {where}: "
                f"{first['msg']}; judge the model again"
            ) from error
