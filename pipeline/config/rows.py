"""Which rows of a CSV file of prompts are used."""

from __future__ import annotations

from pydantic import Field, FiniteFloat

from pipeline.config.sections import Count, Section, Text


class RowsConfig(Section):
    """Which rows of a CSV file of prompts are used; all of them where nothing is said.

    Columns are named as in the file's header, whatever their case. For I2P (Schramowski et al.
    2023, arXiv 2211.05105): `{categories: [sexual], least: {nudity_percentage: 50}}`.
    """

    categories: tuple[Text, ...] = ()
    """Rows of any of these, by their column `categories`; none for all."""
    least: dict[Text, FiniteFloat] = Field(default_factory=dict)
    """Column by the least number that a row has there: `{hard: 1}`."""
    most: dict[Text, FiniteFloat] = Field(default_factory=dict)
    """Column by the largest number that a row has there."""
    first: Count | None = None
    """Only so many rows, the first of those asked for; 1 or more, none for all."""
