"""Which prompts teach, which judge, and in what shares what is kept is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from pipeline.config.rows import RowsConfig
from pipeline.config.sections import (
    Count,
    Section,
    Seed,
    Share,
    Text,
    rule_broken,
)

SHARES_TOLERANCE: Final = 1e-6
"""How far from one the sum of the retain mix's shares may be."""


class RetainMix(Section):
    """Shares of the retain batch by source of prompts; each in [0, 1], together 1."""

    same_context: Share = 0.0
    """Partners of the forget prompts: the same sentence with another value for the concept."""
    neighbours: Share = 0.0
    """The values most like the concept."""
    other_axis: Share = 0.0
    """Random retained scenes over all values of the other axis that concepts can lie on."""
    generic: Share = 0.0
    """Captions that do not name the concept's axis."""
    anchor: Share = 0.0
    """The forget prompts themselves with the anchor in the concept's place."""

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = sum(self.shares().values())
        if abs(total - 1) > SHARES_TOLERANCE:
            raise rule_broken(
                "",
                "shares that sum to 1",
                round(total, 9),
                "scale them, or search them with {simplex: [same_context, neighbours, ...]}",
            )
        return self

    def shares(self) -> dict[str, float]:
        """Share by source, in the order of the fields."""
        return {
            "same_context": self.same_context,
            "neighbours": self.neighbours,
            "other_axis": self.other_axis,
            "generic": self.generic,
            "anchor": self.anchor,
        }


class PromptsConfig(Section):
    """Which prompts teach, and which judge."""

    vocabulary: Text = "fashion-canvas"
    """The words that prompts are written from: `fashion-canvas`, `people`, `art-styles`, `things`,
    `unlearncanvas`, `cifar10`, or the path of an own `.yaml` file."""
    train: Count = 96
    """Number of forget prompts, and of retain prompts of each source; 1 or more."""
    test: Annotated[int, Field(strict=True, ge=4, le=1_000_000)] = 144
    """Number of held-out prompts, about a quarter of which show the concept; 4 or more."""
    retain: Count | None = None
    """Most retain prompts of each source, the forget prompts' own partners apart; 1 or more, none
    for as many as forget prompts."""
    forget_diversity: Share = 1.0
    """Share of forget prompts that are diversified, in [0, 1]; the rest is the bare template."""
    retain_mix: RetainMix | None = None
    """Shares of the sources of retain prompts; none for equal ones over those that the vocabulary
    has prompts for, `anchor` apart."""
    forget_file: Path | None = None
    """Own forget prompts, `.txt`, `.jsonl` or `.csv`, in place of the vocabulary's."""
    retain_file: Path | None = None
    """Own retain prompts, `.txt`, `.jsonl` or `.csv`; all of the mix then goes to them."""
    test_forget_file: Path | None = None
    """Own prompts that judge the erasure, in place of the vocabulary's; each may have a seed and a
    guidance scale of its own. With `evaluation.seed: 0`, a picture's noise is that of its seed."""
    test_retain_file: Path | None = None
    """The same for what is kept. They are judged on the axes that their labels state."""
    forget_rows: RowsConfig | None = None
    """Which rows of CSV files of forget prompts are used; all if absent."""
    retain_rows: RowsConfig | None = None
    """Which rows of CSV files of retain prompts are used; all if absent."""
    seed: Seed = 0
    """Seed of the split and of every prompt, 0 to 2^31 - 1."""

    @model_validator(mode="after")
    def _rows_are_of_a_csv_file(self) -> Self:
        for kind, rows, files in (
            ("forget", self.forget_rows, (self.forget_file, self.test_forget_file)),
            ("retain", self.retain_rows, (self.retain_file, self.test_retain_file)),
        ):
            if rows is not None and not any(
                file is not None and file.suffix.lower() == ".csv" for file in files
            ):
                raise rule_broken(
                    f"{kind}_rows",
                    "nothing, as no file of theirs is a .csv",
                    rows.model_dump(exclude_defaults=True),
                    f"remove it, or name a .csv as {kind}_file or test_{kind}_file",
                )
        return self
