"""A gate's lines: what passes, what doesn't, and what would help."""

from __future__ import annotations

import pytest

from pipeline.config import GateConfig
from pipeline.evaluation.confidence import Bounds
from pipeline.evaluation.gate import Line, advice, gate_lines

FOUND = {
    "ua": Bounds(1.0, 0.93, 1.0, 48),
    "ira": Bounds(0.97, 0.94, 0.99, 144),
    "kid": Bounds(0.0002, 0.0001, 0.0004, 144),
    "alignment": Bounds(0.99, 0.98, 1.0, 144),
}
BASE = {"ua": 0.0, "ira": 0.99}


def lines(gate: dict[str, dict[str, float]], **least: float) -> tuple[Line, ...]:
    return gate_lines(GateConfig.model_validate(gate), least, FOUND, BASE)


@pytest.mark.parametrize(
    ("gate", "passed"),
    [
        ({"at_least": {"ua": 0.93}}, True),
        ({"at_least": {"ua": 0.931}}, False),  # although 1.0 was measured
        ({"at_most": {"kid": 0.0004}}, True),
        ({"at_most": {"kid": 0.0003}}, False),  # although 0.0002 was measured
        ({"at_least": {"cra": 0.0}}, False),  # which nothing measures
    ],
)
def test_a_threshold_is_held_against_the_bound_on_the_bad_side(
    gate: dict[str, dict[str, float]], *, passed: bool
) -> None:
    (line,) = lines(gate)
    assert line.passed is passed


def test_a_least_value_is_held_against_what_was_measured() -> None:
    gated, free, short, lacking = lines({"at_least": {"ira": 0.95}}, ira=0.95, ua=1.1, cra=0.1)
    assert (gated.passed, free.passed, short.passed, lacking.passed) == (False, True, False, False)
    assert (gated.compared, free.compared) == ("bound", "value")
    assert (gated.base, lacking.base) == (0.99, None)
    assert str(gated) == "ira >= 0.95"


def test_what_would_help_is_said_of_each_line_that_fails() -> None:
    gate = {"at_least": {"ua": 0.95, "ira": 0.95, "alignment": 0.995, "cra": 0.5}}
    told = advice(lines({**gate, "at_most": {"kid": 0.01}}), 0.95)
    assert len(told) == 4
    assert "48 prompts cannot show it" in told[0]
    assert "the bound is 0.9400; more prompts" in told[1]
    assert "0.9900 was measured, which more pictures will not change" in told[2]
    assert "cra >= 0.5: nothing measures it here" in told[3]
