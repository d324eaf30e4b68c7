"""A gate's verdict as Markdown, for model cards and descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.evaluation.gate import Line
from pipeline.tracking.gate_result import GateResult, Outcome, compared_in_words
from pipeline.tracking.markdown import code, escaped, table

_TOLD: Final[Mapping[Outcome, str]] = {
    "no gate": "There was no gate: nothing was asked of this model.",
    "passed": "The gate was passed.",
    "failed": "The gate was **not** passed.",
    "overridden": "The gate was **not** passed, and was overridden.",
}

_LEAST_VALUES: Final = "There was no gate: measured values alone were asked for, and are met."


def gate_section(result: GateResult) -> list[str]:
    """The verdict as Markdown: a line on the whole, and a table."""
    if not result.lines:
        return [_TOLD["no gate"]]
    share = f"{result.confidence:g}"
    told = _LEAST_VALUES if result.outcome == "no gate" else _TOLD[result.outcome]
    lines = [f"{told} Bounds are one-sided, at a confidence of {share}.", ""]
    rows: list[list[object]] = []
    for line in result.lines:
        verdict = "pass" if line.passed else "**fail**"
        rows.append([line, "" if line.base is None else f"{line.base:.4f}", *_found(line), verdict])
    lines += table(["asked for", "base", "measured", "interval", "compared", "verdict"], rows)
    if result.searched:
        missed = ", ".join(escaped(miss) for miss in result.searched)
        lines += ["", f"The search itself had measured: {missed}."]
    if result.changed:
        names = ", ".join(code(name) for name in result.changed)
        lines += ["", f"Other than in the file of the sweep when the trial was made are: {names}."]
    if result.override is not None:
        by = result.override
        lines += ["", f"Overridden by {escaped(by.who)} on {by.when}: {escaped(by.reason)}"]
    return lines


def _found(line: Line) -> list[str]:
    found = line.found
    if found is None:
        return ["", "", "not measured"]
    interval = f"{found.low:.4f} to {found.high:.4f}"
    return [f"{found.value:.4f}", interval, compared_in_words(line)]
