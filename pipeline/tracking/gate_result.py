"""What a promotion's gate found, line by line, and who let a model through all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pipeline.config import GateConfig
from pipeline.evaluation.confidence import Bounds
from pipeline.evaluation.evidence import Evidence, bounds_of
from pipeline.evaluation.gate import Line, advice, gate_lines
from pipeline.evaluation.judge import Evaluation
from pipeline.evaluation.report import Report
from pipeline.tracking.limits import check_reason
from pipeline.tracking.who import who

Outcome = Literal["passed", "failed", "overridden", "no gate"]

CONFIDENCE = 0.95
"""Of intervals where there is no gate to name one."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Override:
    """A promotion of what did not pass.

    Attributes:
        reason: in the words of who did it.
        who: their name at MLflow, or on the machine.
        when: ISO 8601, UTC.
    """

    reason: str
    who: str
    when: str

    @classmethod
    def now(cls, reason: str) -> Self:
        """By whoever runs this process.

        Raises:
            ValueError: the reason is empty, or longer than 500 letters.
        """
        words = " ".join(reason.split())
        if not words:
            raise ValueError(
                "--override: expected a reason, got nothing; say why the model may pass, as it "
                "will stand in its record"
            )
        check_reason("--override", words)
        return cls(words, who(), _now())


@dataclass(frozen=True)
class GateResult:
    """A gate's verdict on one model.

    Attributes:
        lines: one a threshold.
        confidence: of each bound.
        bounds: of every metric that was measured, asked for or not.
        report: the second judgement.
        searched: in what the search's own judgement falls short, in words.
        changed: dotted paths of what differs from the gate that the trial was made under.
        override: who let it through; None where nobody did, or nobody needed to.
        when: ISO 8601, UTC.
    """

    lines: tuple[Line, ...]
    confidence: float
    bounds: Mapping[str, Bounds]
    report: Report
    searched: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    override: Override | None = None
    when: str = field(default_factory=_now)

    @property
    def passed(self) -> bool:
        """Whether every threshold is kept."""
        return all(line.passed for line in self.lines) and not self.searched

    @property
    def outcome(self) -> Outcome:
        """In one word."""
        if not self.passed:
            return "failed" if self.override is None else "overridden"
        # What was measured is no evidence of how sure it is: least values alone are no gate.
        return "passed" if any(line.compared == "bound" for line in self.lines) else "no gate"

    @property
    def advice(self) -> list[str]:
        """What would help, a sentence for each line that did not pass."""
        return advice(self.lines, self.confidence)

    def as_json(self) -> dict[str, Any]:
        """Plain data for a file."""
        report = self.report
        return {
            "outcome": self.outcome,
            "when": self.when,
            "confidence": self.confidence,
            "model": report.model,
            "base": report.base,
            "judge": report.judge.model_dump(mode="json"),
            "sampling": report.sampling.model_dump(mode="json"),
            "pictures": report.images.model_dump(mode="json"),
            "lines": [plain_line(line) for line in self.lines],
            "searched": list(self.searched),
            "changed": list(self.changed),
            "override": None if self.override is None else vars(self.override).copy(),
            "bounds": {name: vars(found).copy() for name, found in self.bounds.items()},
        }


def judge_by(
    evaluation: Evaluation,
    gate: GateConfig | None,
    least_values: Mapping[str, float],
    searched: tuple[str, ...] = (),
    override: Override | None = None,
) -> GateResult:
    """Hold a judged model against a gate.

    Args:
        evaluation: the second judgement, with its evidence.
        gate: thresholds on bounds; none if None.
        least_values: metric -> least value that was measured.
        searched: in what the search's own judgement falls short.
        override: who lets it through if it does not pass.
    """
    report = evaluation.report
    confidence = CONFIDENCE if gate is None else gate.confidence
    bounds = bounds_of(evidence_of(evaluation), confidence)
    lines = gate_lines(gate, least_values, bounds, report.base_metrics)
    result = GateResult(lines, confidence, bounds, report, searched)
    return result if result.passed else replace(result, override=override)


def evidence_of(evaluation: Evaluation) -> Evidence:
    """The pictures behind a judgement.

    Raises:
        ValueError: it was put together without them.
    """
    if evaluation.evidence is None:
        raise ValueError("expected a judgement with the answers that it is made of, got none")
    return evaluation.evidence


def plain_line(line: Line) -> dict[str, Any]:
    """A line as plain data: what was asked for, what was found, and whether it passes."""
    found = line.found
    return {
        "metric": line.metric,
        "side": line.side,
        "threshold": line.threshold,
        "compared": line.compared,
        "value": None if found is None else found.value,
        "low": None if found is None else found.low,
        "high": None if found is None else found.high,
        "prompts": None if found is None else found.prompts,
        "base": line.base,
        "passed": line.passed,
    }


def compared_in_words(line: Line) -> str:
    """What was held against the threshold: `bound 0.9123`, `measured 0.9876`, `not measured`."""
    if line.found is None:
        return "not measured"
    if line.compared == "value":
        return f"measured {line.found.value:.4f}"
    return f"bound {line.bound:.4f}"
