"""What a sweep's page costs to draw and to open, by the number of trials.

Run `python benchmarks/page.py sweeps/demo`: sweeps of 24, 100 and 1,000 trials whose files are
copies of those of a real one's, with objectives that are a function of what each trial drew. Page
and pictures are drawn from nothing, then again after one more trial, as the mirror does it during a
sweep; the page is opened in Chromium without a window, pointed at and clicked. `--importances`
compares Optuna's evaluators on trials whose decisive parameters are known.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.importance import (
    FanovaImportanceEvaluator,
    MeanDecreaseImpurityImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)
from playwright.sync_api import sync_playwright

from pipeline.config import dump_space, load_space
from pipeline.search.distributions import flatten
from pipeline.search.files import read_json, write_json
from pipeline.search.outcome import Outcome
from pipeline.search.places import BASE, PARAMS, SPACE, SWEEP, TELEMETRY, THUMBNAILS, trial_name
from pipeline.search.records import SweepReader
from pipeline.search.study import SweepStudy
from pipeline.tracking.figure_files import write_figures
from pipeline.tracking.page.document import write_document
from pipeline.tracking.page.sweep_data import SweepPages
from pipeline.tracking.table import table_of

MEGA = 1e6
_OPENED = ("opened, s", "pointed, ms", "clicked, ms", "heap, MB")


def row(*cells: object) -> None:
    """One row of a table, at once."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


class Copies:
    """A sweep whose trials have the files of a real one's, each in its turn.

    Args:
        real: the sweep that is copied.
        folder: of the new one.
        count: trials.
    """

    def __init__(self, real: Path, folder: Path, count: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        space = load_space(
            real / SPACE,
            [f"name={folder.name}", f"budget.trials={count + 1}", "budget.sampler=random"],
        )
        (folder / SPACE).write_text(dump_space(space))
        shutil.copyfile(real / BASE, folder / BASE)
        write_json(folder / SWEEP, {"name": folder.name, "status": "running"})
        trials = [
            path for path in sorted((real / "trials").iterdir()) if (path / THUMBNAILS).exists()
        ]
        if not trials:
            raise SystemExit(f"{real}: expected trials with {THUMBNAILS}, got none; run it anew")
        self._templates = itertools.cycle(trials)
        self._study = SweepStudy(folder, space)
        self._noise = random.Random(0)  # noqa: S311 - nothing secret
        for _ in range(count):
            self.add()

    def add(self) -> None:
        """One more trial."""
        proposal = self._study.ask()
        template, folder = next(self._templates), self.folder / trial_name(proposal.number)
        folder.mkdir(parents=True)
        for name in (TELEMETRY, THUMBNAILS):
            shutil.copyfile(template / name, folder / name)
        params = flatten(proposal.values)
        write_json(folder / PARAMS, params)
        metrics = (read_json(template / "report.json") or {})["metrics"]
        self._study.tell(proposal.number, Outcome({**metrics, **self._scores(params)}, None, 5.0))

    def _scores(self, params: dict[str, Any]) -> dict[str, float]:
        rate = math.log10(params["update.learning_rate"])
        noise = self._noise.gauss(0, 0.02)
        return {
            "erasure": math.tanh(rate + 4.5) + noise,
            "alignment": 1
            - 0.05 * (rate + 4.5) ** 2
            + noise
            - 0.02 * params["update.retain_weight"],
        }


def measure(real: Path, home: Path, count: int) -> None:
    """One row of the table."""
    copies = Copies(real, home / f"of-{count}", count)
    reader, pages, path = SweepReader(copies.folder), SweepPages(), copies.folder / "pareto.html"
    write_document({"nothing": None}, path)  # Plotly's program is read once a process

    def draw() -> float:
        record = reader.read()
        table = table_of(record)
        began = time.perf_counter()
        write_figures(record, table, copies.folder, pages)
        return time.perf_counter() - began

    first = draw()
    copies.add()
    again = draw()
    opened = [opening(path) for _ in range(3)]
    ready, pointed, clicked, heap = (statistics.median(each) for each in zip(*opened, strict=True))
    row(
        count,
        f"{path.stat().st_size / MEGA:.1f}",
        f"{first:.2f}",
        f"{again:.2f}",
        *(f"{ready:.1f}", f"{pointed:.0f}", f"{clicked:.0f}", f"{heap:.0f}"),
    )


def opening(path: Path) -> tuple[float, float, float, float]:
    """Seconds until all is drawn; ms from a pointer, from a click to the next frame; heap in MB."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 950})
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]")
        ready = page.evaluate("performance.now()") / 1000
        page.select_option("#shown", "all")
        pointed = _next_frame(
            page.evaluate, "rows[rows.length - 1].dispatchEvent(new Event('mouseenter'))"
        )
        clicked = _next_frame(page.evaluate, "rows[rows.length - 2].querySelector('input').click()")
        heap = page.evaluate("performance.memory.usedJSHeapSize") / MEGA
        browser.close()
    return ready, pointed, clicked, heap


def _next_frame(evaluate: Callable[[str], Any], act: str) -> float:
    """Milliseconds from an act to the frame after it has been drawn."""
    milliseconds: float = evaluate(
        "() => new Promise((done) => { const rows = document.querySelectorAll('#table tbody tr');"
        f" const began = performance.now(); {act};"
        " const told = () => done(performance.now() - began);"
        " requestAnimationFrame(() => requestAnimationFrame(told)); })"
    )
    return milliseconds


def compare_importances() -> None:
    """How often each evaluator ranks the decisive parameter first, and what it takes."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    evaluators = {
        "mean decrease impurity": MeanDecreaseImpurityImportanceEvaluator(seed=0),
        "PED-ANOVA": PedAnovaImportanceEvaluator(),
        "fANOVA": FanovaImportanceEvaluator(seed=0),
    }
    row("trials", "evaluator", "decisive one first", "its share", "s")
    row(*["---"] * 5)
    for count in (16, 24, 48, 100, 1000):
        studies = [_known(count, seed) for seed in range(5 if count < 1000 else 1)]  # noqa: PLR2004
        for name, evaluator in evaluators.items():
            began, first, shares = time.perf_counter(), 0, []
            for study, (place, wanted) in itertools.product(studies, enumerate(("rate", "rule"))):
                found = get_param_importances(
                    study,
                    evaluator=evaluator,
                    target=lambda trial, place=place: -trial.values[place],
                )
                first += next(iter(found)) == wanted
                shares.append(found[wanted])
            each = (time.perf_counter() - began) / len(shares)
            share, ranked = f"{statistics.mean(shares):.2f}", f"{first} of {len(shares)}"
            row(count, name, ranked, share, f"{each:.2f}")


def _known(count: int, seed: int) -> optuna.Study:
    """The first objective follows a rate, the second a choice of two; four others are noise."""
    study = optuna.create_study(
        directions=["maximize"] * 2, sampler=optuna.samplers.RandomSampler(seed)
    )
    noise = random.Random(seed)  # noqa: S311 - nothing secret

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        rate = trial.suggest_float("rate", 1e-5, 1e-3, log=True)
        rule = trial.suggest_categorical("rule", ["gradient", "none"])
        for name in ("a", "b", "c", "d"):
            trial.suggest_float(name, 0, 1)
        kept = 0.9 if rule == "gradient" else 0.5
        return math.log10(rate / 1e-5) / 2 + noise.gauss(0, 0.02), kept + noise.gauss(0, 0.02)

    study.optimize(objective, n_trials=count)
    return study


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="See the head of this file.")
    parser.add_argument("sweep", type=Path, nargs="?", help="a finished sweep's folder")
    parser.add_argument("--trials", type=int, nargs="+", default=[24, 100, 1000])
    parser.add_argument("--importances", action="store_true")
    options = parser.parse_args()
    if options.importances:
        compare_importances()
    if options.sweep is None:
        sys.exit(0)
    row("trials", "page, MB", "drawn, s", "one trial later, s", *_OPENED)
    row(*["---"] * 8)
    with tempfile.TemporaryDirectory(prefix="page-") as home:
        for count in options.trials:
            measure(options.sweep, Path(home), count)


if __name__ == "__main__":
    main()
