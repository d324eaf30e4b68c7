"""The page of faults names tests that exist, in every row."""

from __future__ import annotations

import re

from tests.search.sweeping import ROOT

TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")

WHOLE_FILE = re.compile(r"^pytestmark = .*pytest\.mark\.faults", re.MULTILINE)


def test_every_row_names_tests_that_exist() -> None:
    lines = (ROOT / "docs" / "faults.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| fault |")]
    assert len(rows) > 20
    for row in rows:
        named = TEST.findall(row)
        assert named, row
        assert "::" not in TEST.sub("", row), row
        for file, test in named:
            text = (ROOT / file).read_text()
            assert f"\ndef {test}(" in text, f"{file} has no {test}"
            asked_for = (
                "pytest.mark.faults" in text.split(f"\ndef {test}(")[0].rpartition("\n\n")[2]
            )
            asked_for |= bool(
                re.search(r"^pytestmark = .*pytest\.mark\.faults", text, re.MULTILINE)
            )
            assert asked_for == (f"⏱ `{file}::{test}`" in row), f"{test} takes minutes, or not"
