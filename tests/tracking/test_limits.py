"""Texts that are too long for MLflow are cut and say so; reasons that are too long are refused."""

from __future__ import annotations

import pytest

from pipeline.tracking.gate_result import Override
from pipeline.tracking.limits import LONGEST_TEXT, description

LAST = "From trial 1 of sweep tiny."


def test_a_description_fits_its_column_and_keeps_its_last_line() -> None:
    assert description("short", LAST) == f"short\n\n{LAST}"
    row = "| ua of bag | 0.9 | |"
    found = description("\n".join([row] * 400), LAST)
    assert len(found) <= LONGEST_TEXT
    *rows, _, cut, _, last = found.splitlines()
    assert set(rows) == {row}
    assert cut.startswith("Cut here")
    assert last == LAST
    assert len(description("x" * 9000, LAST)) == LONGEST_TEXT


def test_a_reason_is_no_longer_than_a_record_keeps() -> None:
    assert Override.now("x" * 500).reason == "x" * 500
    with pytest.raises(ValueError, match="--override: expected at most 500 letters, got 501"):
        Override.now("x" * 501)
