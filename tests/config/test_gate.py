"""The gate's section: on which side a threshold belongs, in which range, and what may change."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config import ConfigError, GateConfig, dump_space, parse_space
from pipeline.config.evaluation import REPEAT_STRIDE, are_fresh
from pipeline.config.gate import MEASURES
from pipeline.evaluation.formulas import EARLIER_FORMULAS, METRIC_FORMULAS

CONCEPT = {"kind": "object", "forget": ["sneaker"]}


def read(gate: Any, **more: Any) -> GateConfig | None:
    return parse_space({"name": "gated", "concept": CONCEPT, "gate": gate, **more}).fixed().gate


def test_every_metric_of_a_report_has_its_side_and_range() -> None:
    formulas = {**METRIC_FORMULAS, **EARLIER_FORMULAS}
    assert set(MEASURES) == set(formulas)
    for name, measure in MEASURES.items():
        words = formulas[name]
        if "in [0, 1]" in words:
            assert (measure.low, measure.high, measure.is_mean) == (0, 1, "cos(" not in words)
        lower = "lower" in words and "higher" not in words
        assert measure.side == ("at_most" if lower else "at_least"), name


def test_a_gate_is_read_and_written_as_it_stands() -> None:
    gate = read({"at_least": {"ua": 0.9, "alignment": 1}, "at_most": {"kid": 0.001}, "repeats": 8})
    assert gate is not None
    assert list(gate.thresholds) == [
        ("at_least", "ua", 0.9),
        ("at_least", "alignment", 1.0),
        ("at_most", "kid", 0.001),
    ]
    assert (gate.confidence, gate.repeats, gate.seed) == (0.95, 8, None)
    space = parse_space({"name": "gated", "concept": CONCEPT, "gate": gate.model_dump()})
    assert parse_space(dump_space(space)).gate == space.gate == gate
    assert parse_space({"name": "open", "concept": CONCEPT}).gate is None


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        ({}, r"^gate: expected at least one threshold, got 'none' \(for example"),
        ({"at_least": {"uaa": 0.9}}, r"gate\.at_least\.uaa: .*did you mean ua\?"),
        ({"at_least": {"kid": 0.9}}, r"gate\.at_least\.kid: .*lower is better: .* at_most"),
        ({"at_most": {"ua": 0.9}}, r"gate\.at_most\.ua: .*higher is better: .* at_least"),
        ({"at_least": {"ua": 1.0}}, r"gate\.at_least\.ua: .* 0 or more, and below 1, got 1\.0"),
        ({"at_least": {"erasure": 95}}, r"gate\.at_least\.erasure: .*below 1, got 95"),
        ({"at_least": {"alignment": -0.1}}, r"gate\.at_least\.alignment: .*0 or more, got -0\.1"),
        ({"at_most": {"none_share": 0}}, r"gate\.at_most\.none_share: .*more than 0, at most 1"),
        ({"at_least": {"ua": "0.9"}}, r"gate\.at_least\.ua: expected a number"),
        (
            {"at_least": {"ua": 0.9}, "confidence": 1},
            r"gate\.confidence: expected a number below 1",
        ),
        ({"at_least": {"ua": 0.9}, "repeats": 0}, r"gate\.repeats: expected a number of 1 or more"),
        ({"at_least": {"ua": 0.9}, "seed": 99}, r"gate\.seed: expected another seed"),
        ({"at_least": {"ua": {"uniform": [0, 1]}}}, r"gate\.at_least\.ua: expected a value"),
        ({"at_leest": {"ua": 0.9}}, r"gate\.at_leest: .*did you mean gate\.at_least\?"),
    ],
)
def test_a_gate_that_nobody_could_pass_or_mean_is_refused(gate: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read(gate)


def test_no_repeat_of_the_gate_has_the_noise_of_the_search() -> None:
    searched = 99 + 3 * REPEAT_STRIDE
    assert not are_fresh(99, 4, searched)
    assert are_fresh(99, 3, searched)
    assert are_fresh(100, 4, searched)
    assert are_fresh(searched + REPEAT_STRIDE, 4, searched)
    gate = {"at_least": {"ua": 0.9}, "seed": 99}
    assert read({**gate, "repeats": 3}, evaluation={"seed": searched}) is not None
    with pytest.raises(ConfigError, match=r"gate\.seed: .*none whose repeats come to it"):
        read({**gate, "repeats": 4}, evaluation={"seed": searched})
