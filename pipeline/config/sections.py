"""What all sections of an experiment have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

Text = Annotated[str, Field(strict=True, min_length=1)]
"""Text that is not empty."""

# Strict: `true` is no number, and "3" is no count. YAML tells them apart, so do we.
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
CountOrZero = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
AtLeastZero = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


class Section(BaseModel):
    """A frozen mapping of known settings, each documented by the text below it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def rule_broken(field: str, expected: str, got: object, remedy: str) -> PydanticCustomError:
    """A problem between fields, placed at `field` of the model whose validator raises it."""
    return PydanticCustomError(
        "rule",
        "expected {expected}, got {got}",
        {"field": field, "expected": expected, "got": repr(got), "remedy": remedy},
    )


def each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    """The values, unless one of them is repeated."""
    if len(set(values)) < len(values):
        raise rule_broken("", "each value once", list(values), "remove the repeated one")
    return values
