"""The gate: is what was promised shown by other eyes, on pictures that no search has seen?

Every line holds with the gate's confidence for itself, and a model has to pass them all: one that
misses any threshold gets through no more often than the confidence of that one line allows, so
that no correction for their number is needed (an intersection-union test, Berger 1982).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.config.gate import MEASURES, GateConfig, Side
from pipeline.evaluation.confidence import Bounds, best_bound

Compared = Literal["bound", "value"]


@dataclass(frozen=True)
class Line:
    """One threshold and what was found.

    Attributes:
        metric: a name of the report.
        side: whether the threshold is the least or the largest that passes.
        threshold: what is asked for.
        compared: whether the confidence bound on the bad side must keep to it, or what was
            measured.
        base: what the base has.
        found: what was measured, with its bounds; None where nothing measures it.
    """

    metric: str
    side: Side
    threshold: float
    compared: Compared
    base: float | None
    found: Bounds | None

    @property
    def bound(self) -> float | None:
        """The confidence bound on the bad side."""
        if self.found is None:
            return None
        return self.found.low if self.side == "at_least" else self.found.high

    @property
    def passed(self) -> bool:
        """Whether the threshold is kept; what was not measured does not pass."""
        if self.found is None:
            return False
        got = self.found.value if self.compared == "value" else self.bound
        assert got is not None  # noqa: S101 - there is one of what was found
        return got >= self.threshold if self.side == "at_least" else got <= self.threshold

    def __str__(self) -> str:
        sign = ">=" if self.side == "at_least" else "<="
        return f"{self.metric} {sign} {self.threshold:g}"


def gate_lines(
    gate: GateConfig | None,
    least_values: Mapping[str, float],
    bounds: Mapping[str, Bounds],
    base: Mapping[str, float],
) -> tuple[Line, ...]:
    """A line for every threshold, those of the gate first.

    Args:
        gate: its thresholds are compared with bounds.
        least_values: metric -> least value; these are compared with what was measured.
        bounds: what was found, by metric.
        base: what the base has, by metric.
    """
    wanted: list[tuple[Side, str, float, Compared]] = []
    if gate is not None:
        wanted += [(*threshold, "bound") for threshold in gate.thresholds]
    wanted += [("at_least", metric, least, "value") for metric, least in least_values.items()]
    return tuple(
        Line(metric, side, threshold, compared, base.get(metric), bounds.get(metric))
        for side, metric, threshold, compared in wanted
    )


def advice(lines: Iterable[Line], confidence: float) -> list[str]:
    """What would help each line that does not pass, in a sentence each."""
    return [_advice(line, confidence) for line in lines if not line.passed]


def _advice(line: Line, confidence: float) -> str:
    if line.found is None:
        return (
            f"{line}: nothing measures it here; take it out of the gate, or name a judge, a base "
            "or a vocabulary that has it"
        )
    found, bound = line.found, line.bound
    short = found.value < line.threshold
    missed = short if line.side == "at_least" else found.value > line.threshold
    if missed:
        return (
            f"{line}: {found.value:.4f} was measured, which more pictures will not change; promote "
            "another trial (--trial), search further, or ask for less"
        )
    if MEASURES[line.metric].is_mean and _far(line) < 1 - best_bound(found.prompts, confidence):
        return (
            f"{line}: {found.prompts} prompts cannot show it, however good the model is; raise "
            "prompts.test in a new sweep, or ask for less"
        )
    return (
        f"{line}: {found.value:.4f} was measured, and the bound is {bound:.4f}; more prompts "
        "(prompts.test, in a new sweep) or pictures (gate.repeats) bring the two nearer"
    )


def _far(line: Line) -> float:
    """How far from a share's best end the threshold lies."""
    return 1 - line.threshold if line.side == "at_least" else line.threshold
