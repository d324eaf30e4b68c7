"""Where a sweep's trials spend their time.

Run `python benchmarks/trials.py sweeps/demo` after a sweep: one row a trial, from each trial's
`timing.json`.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

PARTS = ("synthesis", "training", "judging", "overhead")


def main() -> None:
    """Print the table of one sweep."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        raise SystemExit("usage: python benchmarks/trials.py SWEEP_FOLDER")
    folder = Path(sys.argv[1])
    files = sorted(folder.glob("trials/*/timing.json"))
    if not files:
        raise SystemExit(f"{folder}: expected a sweep with finished trials, found none")
    rows = {path.parent.name: json.loads(path.read_text()) for path in files}
    for row in rows.values():
        row["overhead"] += row.pop("load", 0.0)  # nothing is learned or judged meanwhile
    print(f"{'trial':8}" + "".join(f"{part:>11}" for part in PARTS) + f"{'total':>11}")
    for name, row in rows.items():
        _line(name, [row.get(part, 0.0) for part in PARTS])
    medians = [statistics.median(row.get(part, 0.0) for row in rows.values()) for part in PARTS]
    _line("median", medians)
    totals = [sum(row.get(part, 0.0) for row in rows.values()) for part in PARTS]
    shares = "".join(f"{100 * part / sum(totals):10.1f}%" for part in totals)
    print(f"{'share':8}{shares}")


def _line(name: str, values: list[float]) -> None:
    seconds = "".join(f"{value:11.1f}" for value in [*values, sum(values)])
    print(f"{name:8}{seconds}")


if __name__ == "__main__":
    main()
