"""What is erased now, and what the base has forgotten before: one concept or several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, Field, FiniteFloat, model_validator

from pipeline.config.sections import Section, Text, each_once, rule_broken


class TargetConfig(Section):
    """One concept: values of one axis that are erased and judged as one."""

    kind: Text
    """The axis that the concept lies on, one of the vocabulary's `concept_axes`."""
    forget: Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(each_once)]
    """Values of that axis to erase; at least one."""
    anchor: Text | None = None
    """Value of the same axis that takes the concept's place, or `none`; absent: chosen for you."""

    @property
    def name(self) -> str:
        """What reports call the concept: `sneaker`, `sneaker+sandal`."""
        return "+".join(self.forget)

    @model_validator(mode="after")
    def _anchor_is_kept(self) -> Self:
        if self.anchor in self.forget:
            raise rule_broken(
                "anchor",
                "a value that is not forgotten",
                self.anchor,
                "name another value, `none`, or leave it out",
            )
        return self


class VerdictConfig(Section):
    """What one classifier saw of an erasure when it was promoted."""

    classifier: Text
    """Its fingerprint: numbers of another classifier are not compared with these."""
    erasure: dict[str, FiniteFloat]
    """Erasure by the concept's name."""
    ua: dict[str, FiniteFloat]
    """Unlearning accuracy by the concept's name."""


class ErasedConfig(TargetConfig):
    """An erasure that the base has behind it, and what it takes to judge it again."""

    also: tuple[TargetConfig, ...] = ()
    """Concepts that were erased together with it."""
    test: Annotated[int, Field(strict=True, ge=4, le=1_000_000)] | None = None
    """Its `prompts.test`; absent: as now."""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**31)] | None = None
    """Its `prompts.seed`; absent: as now."""
    base: Text | None = None
    """Fingerprint of the model that it began with."""
    model: Text | None = None
    """Fingerprint of the model that it ended with."""
    judged: tuple[VerdictConfig, ...] = ()
    """What was seen when it was promoted, one entry a classifier."""

    @property
    def targets(self) -> tuple[TargetConfig, ...]:
        """All concepts of the erasure."""
        return (self, *self.also)


class ConceptConfig(TargetConfig):
    """What is erased: a concept, others at the same time, and those that are gone already."""

    also: tuple[TargetConfig, ...] = ()
    """Concepts erased together with this one, each judged for itself; on either axis."""
    erased: tuple[ErasedConfig, ...] = ()
    """What the base has forgotten already, oldest first; filled in from a promoted base's
    manifest. No prompt names it, save those that judge it again."""

    @property
    def targets(self) -> tuple[TargetConfig, ...]:
        """All concepts that are erased now."""
        return (self, *self.also)

    @property
    def values(self) -> tuple[str, ...]:
        """All values that are erased now."""
        return tuple(value for target in self.targets for value in target.forget)

    @model_validator(mode="after")
    def _each_value_is_forgotten_once(self) -> Self:
        known: dict[str, str] = {}
        for place, target in self._placed():
            for number, value in enumerate(target.forget):
                if value in known:
                    remedy = f"{value} stands in {known[value]} already; remove one of them"
                    field = ".".join(part for part in (place, f"forget.{number}") if part)
                    raise rule_broken(field, "a value that stands nowhere else", value, remedy)
            known |= dict.fromkeys(target.forget, f"concept.{place}".rstrip("."))
        return self

    @model_validator(mode="after")
    def _anchors_are_kept(self) -> Self:
        gone = {(target.kind, value) for _, target in self._placed() for value in target.forget}
        for place, target in self._placed():
            # An anchor of long ago may well be forgotten by now.
            if not place.startswith("erased") and (target.kind, target.anchor) in gone:
                raise rule_broken(
                    f"{place}.anchor".lstrip("."),
                    "a value that is not forgotten, now or before",
                    target.anchor,
                    "name another value, `none`, or leave it out",
                )
        return self

    def _placed(self) -> Iterator[tuple[str, TargetConfig]]:
        """Every concept behind its place in this section; what is gone already comes first."""
        for number, erasure in enumerate(self.erased):
            yield f"erased.{number}", erasure
            for other, target in enumerate(erasure.also):
                yield f"erased.{number}.also.{other}", target
        yield "", self
        for number, target in enumerate(self.also):
            yield f"also.{number}", target
