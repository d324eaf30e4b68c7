"""A check's lines as a table, and its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from pipeline.cli.mistakes import Unsuccessful
from pipeline.cli.terminal import RESULTS, say

if TYPE_CHECKING:
    from pipeline.tracking.checks import Finding

_STYLES = {"same": "green", "warning": "yellow", "differs": "bold red"}


def show_findings(name: str, findings: Sequence[Finding]) -> None:
    """Show what was looked at, line by line.

    Raises:
        Unsuccessful: something differs.
    """
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    drawn.add_column("checked", no_wrap=True)  # names of files are whole, to be copied
    drawn.add_column("found", no_wrap=True)
    drawn.add_column("")
    for each in findings:
        verdict = Text(each.verdict, _STYLES[each.verdict])
        # What stands in somebody's manifest is no markup.
        drawn.add_row(Text(each.what), verdict, Text(each.detail, overflow="fold"))
    RESULTS.print(drawn)
    differing = sum(each.verdict == "differs" for each in findings)
    if differing:
        raise Unsuccessful(
            f"{name}: expected what was recorded when it was promoted, got another thing in "
            f"{differing} of {len(findings)} lines; do not use it before that is explained"
        )
    warnings = sum(each.verdict == "warning" for each in findings)
    remark = f", {warnings} warnings" if warnings else ""
    say(f"{name}: all as recorded when it was promoted{remark}")
