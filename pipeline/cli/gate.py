"""What a promotion's gate asked for and found, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from pipeline.cli.terminal import RESULTS, note

if TYPE_CHECKING:
    from pipeline.tracking.gate_result import GateResult


def show_gate(result: GateResult) -> None:
    """A table of the gate's lines, and who let the model through if somebody did."""
    from pipeline.tracking.gate_result import compared_in_words

    if not result.lines:
        note("there was no gate, and nothing was asked for: write a gate into the file", "yellow")
        return
    table = Table(box=None, header_style="bold")
    table.add_column("gate", no_wrap=True)
    for column in ("measured", "interval", "compared", "verdict"):
        table.add_column(column, justify="right", no_wrap=True)
    for line in result.lines:
        found = line.found
        table.add_row(
            str(line),
            "" if found is None else f"{found.value:.4f}",
            "" if found is None else f"{found.low:.4f} to {found.high:.4f}",
            compared_in_words(line),
            Text("pass", "green") if line.passed else Text("FAIL", "bold red"),
        )
    RESULTS.print(table)
    note(
        f"bounds are one-sided, at a confidence of {result.confidence:g}; the interval between "
        f"both holds with {2 * result.confidence - 1:g}"
    )
    for miss in result.searched:
        note(f"the search had measured {miss}", "yellow")
    if result.override is not None:
        note(f"overridden by {result.override.who}: {result.override.reason}", "yellow")
