"""Erasures one after another: does what was erased earlier stay erased?

Run `python benchmarks/chain.py` (about a quarter of an hour on two cores; the same command goes on
after an interruption). It erases a sneaker, a bag and neon from Fashion Canvas in turn, each link
from the model that the link before it promoted, and prints what the second judge saw of every
concept after each promotion. Options are handed to every link's sweep: `--set update.steps=40`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SPACE = Path(__file__).parent.parent / "search_spaces" / "fashion_chain.yaml"
LINKS = (("sneaker", "object", "dress"), ("bag", "object", "t-shirt"), ("neon", "style", "photo"))
BOUNDS = tuple(
    part
    for bound in ("ua=0.9", "ira=0.9", "cra=0.9", "alignment=0.95")
    for part in ("--at-least", bound)
)
HOME = Path(os.environ.get("UNLEARN_HOME") or ".")


def main() -> None:
    """Run what is left of the chain and print the table."""
    base = "fashion-canvas"
    reports = []
    for number, link in enumerate(LINKS, 1):
        name = f"chain-{number}-{link[0]}"
        report = promoted(name)
        if report is None:
            sweep(name, base, link)
            unlearn("promote", name, *BOUNDS)
            report = promoted(name)
        assert report is not None  # noqa: S101 - a promotion without a report has failed
        reports.append(report)
        base = f"{name}/champion"
    print_table(reports)


def sweep(name: str, base: str, link: tuple[str, str, str]) -> None:
    """Run a link's sweep, or what is left of it."""
    concept, kind, anchor = link
    if (HOME / "sweeps" / name / "study.log").exists():
        unlearn("resume", name)
        return
    settings = {
        "model.base": base,
        "concept.kind": kind,
        "concept.forget": f"[{concept}]",
        "concept.anchor": anchor,
    }
    changes = [part for path, value in settings.items() for part in ("--set", f"{path}={value}")]
    unlearn("sweep", SPACE, "--name", name, *changes, *sys.argv[1:])


def unlearn(*arguments: object) -> None:
    """Run a verb; a failure ends the chain."""
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"the chain ends at: unlearn {' '.join(map(str, arguments))}")


def promoted(name: str) -> dict | None:
    """The report of a sweep's champion, if it has one."""
    marks = sorted((HOME / "sweeps" / name).glob("promoted/[0-9]*.json"))
    if not marks:
        return None
    return json.loads((marks[-1].with_suffix("") / "report.json").read_text())


def print_table(reports: list[dict]) -> None:
    """UA of every concept after each link, and what else was kept."""
    names = [link[0] for link in LINKS]
    print("| after erasing | " + " | ".join(f"UA {name}" for name in names) + " | IRA | CRA |")
    print("|---" * (len(names) + 3) + "|")
    for name, report in zip(names, reports, strict=True):
        uas = {each["concept"]: each["now"]["ua"] for each in report["regression"]}
        uas[name] = report["metrics"]["ua"]
        cells = [f"{uas[each]:.3f}" if each in uas else "" for each in names]
        kept = [f"{report['metrics'][metric]:.3f}" for metric in ("ira", "cra")]
        print(f"| {name} | " + " | ".join([*cells, *kept]) + " |")


if __name__ == "__main__":
    main()
