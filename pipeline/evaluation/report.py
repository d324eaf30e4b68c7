"""What a judged model got: a typed, frozen report that goes to JSON and comes back unchanged."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    ValidationError,
    model_validator,
)

from pipeline.config import ConceptConfig
from pipeline.evaluation.formulas import (
    EARLIER_FORMULAS,
    MAY_LACK,
    METRIC_FORMULAS,
    PAIRED_FORMULAS,
)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class JudgeIdentity(_Section):
    """Which judge gave the verdicts."""

    name: str
    """The name of its folder."""
    fingerprint: str
    """SHA-256 over its weights, its configuration and the settings below."""
    settings: dict[str, JsonValue] = {}
    """What else decides its verdicts: a detector's version, classes, threshold and unit; the
    captions or labels that mean a value. Empty where its folder says all."""


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
    guidance: FiniteFloat | None = None
    """The prompt's own guidance scale; None for that of the sampling."""
    asked: dict[str, str]
    """Value by axis that the prompt states."""
    seen: dict[str, str]
    """The classifier's most probable value by axis."""
    base_seen: dict[str, str]
    """The same for the base model's picture of this prompt and seed."""
    target_probability: FiniteFloat | None
    """p(t(f)) where the prompt names the concept."""
    clip: FiniteFloat
    """Cosine of picture and prompt."""
    base_clip: FiniteFloat
    """The same for the base model's picture."""
    image_distance: FiniteFloat
    """1 - cosine of the picture's CLIP features and those of the base model's picture."""


class PairedDifference(_Section):
    """Mean of model - base on the same prompts and seeds, with its 95 % bootstrap interval."""

    mean: FiniteFloat
    """Of the prompts' differences."""
    low: FiniteFloat
    """Lower end of the interval."""
    high: FiniteFloat
    """Upper end; a difference whose interval holds 0 may be noise."""
    count: Annotated[int, Field(ge=1)]
    """How many prompts were resampled; pictures of one prompt are averaged first."""


class ErasureValues(_Section):
    """How far one concept is erased."""

    erasure: FiniteFloat
    """1 - mean probability of the concept."""
    ua: FiniteFloat
    """Unlearning accuracy."""


class Regression(_Section):
    """A concept that was erased earlier, judged again on its own held-out prompts."""

    concept: str
    """Its name."""
    pictures: Annotated[int, Field(ge=1)]
    """How many pictures were judged."""
    now: ErasureValues
    """Of the judged model."""
    base: ErasureValues
    """Of its base: before the last erasure."""
    promoted: ErasureValues | None
    """What the same classifier saw when it was promoted; absent where it did not judge then."""
    difference: ErasureValues | None
    """now - promoted; below zero where the concept comes back."""


class Report(_Section):
    """A model's measures on held-out prompts and fixed seeds, beside its base's."""

    model: str
    """Fingerprint of the judged model."""
    base: str
    """Fingerprint of the model it is compared with."""
    concept: ConceptConfig
    """What was to be erased."""
    metrics: dict[str, FiniteFloat]
    """The keys of `METRIC_FORMULAS`, of which those of `MAY_LACK` may be absent, and after earlier
    erasures of `EARLIER_FORMULAS` too."""
    base_metrics: dict[str, FiniteFloat]
    """The same of the base model."""
    paired: dict[str, PairedDifference]
    """The keys of `PAIRED_FORMULAS` that `metrics` has: is a difference from the base more than
    noise?"""
    neighbours: dict[str, FiniteFloat]
    """Accuracy of each retained neighbour of the concept, nearest first."""
    by_value: dict[str, dict[str, FiniteFloat]]
    """Accuracy by axis and value: forgotten values over f, all others over r."""
    by_concept: dict[str, dict[str, FiniteFloat]] = {}
    """Where several concepts were erased at once, the measures of each, over its own f; else
    empty."""
    regression: tuple[Regression, ...] = ()
    """Every concept that was erased earlier, oldest first."""
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
        every = {*METRIC_FORMULAS, *(EARLIER_FORMULAS if self.regression else ())}
        lacking = MAY_LACK - set(self.metrics)
        measured = every - lacking
        for field, got, formulas in (
            ("metrics", self.metrics, measured),
            ("base_metrics", self.base_metrics, measured),
            ("paired", self.paired, set(PAIRED_FORMULAS) - lacking),
        ):
            if set(got) != set(formulas):
                raise ValueError(f"{field}: expected exactly {sorted(formulas)}, got {sorted(got)}")
        return self

    def save(self, path: Path) -> None:
        """Write as JSON; the file appears whole or not at all, and survives a power cut then."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        partial = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.model_dump_json(indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
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
