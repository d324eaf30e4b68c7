"""Samplers with and without early stopping on the recorded trials: hypervolume against compute.

Run `python benchmarks/samplers/replay.py`: every sampler of `budget.sampler` searches the recorded
space with two workers, as a sweep does (its own samplers, its own rule at the rungs), each time
with another seed; only trainings and judgements are looked up. Writes a table and a figure beside
the recorded trials. Compute is what trainings, rungs, judgements and the sampler took of a
processor.

What was searched once is kept in `searches.json`; `--anew` searches again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
import optuna
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from record import RECORDINGS, SPACE, TRIALS, read_rows
from rich.progress import track
from searching import WORKERS, Search, Start, after, search
from table import GOOD, Table

from pipeline.config import BudgetConfig, EarlyStoppingConfig, load_space
from pipeline.search.distributions import to_optuna
from pipeline.search.priors import PriorTrial

Sampler = Literal["random", "tpe", "nsga2", "gp"]
Concept = Literal["sneaker", "bag", "neon"]
StartName = Literal["cold", "defaults", "front", "trials"]
"""What a search knows before its first trial: nothing, the settings' defaults (they are its first
trial), or a random search of another concept, by its front or by all of its trials."""
CONCEPTS: Final[tuple[Concept, ...]] = get_args(Concept)
"""The sneaker's trials have rungs; the others' were recorded for searches that start warm."""
STOPPING: Final = {
    "never": None,
    "from 1/4": EarlyStoppingConfig(reduction=3, first_rung=0.25),
    "from 1/9": EarlyStoppingConfig(reduction=3, first_rung=1 / 9),
}
"""When trials are stopped: at a quarter and three quarters, or at a ninth and a third."""
AIM: Final = 1 / 3
SLOW_REPEATS: Final = 5
"""Searches of the Gaussian process, which thinks for half a second about each trial."""

_STARTED: Final[tuple[Sampler, ...]] = ("tpe", "gp")
"""Samplers that learn from what a search begins with."""
COLORS: Final = {
    "random": "#000000",
    "tpe": "#D55E00",
    "nsga2": "#0072B2",
    "gp": "#009E73",
    "front": "#CC79A7",
}
STYLES: Final = {"random": ":", "tpe": "--", "nsga2": "-.", "gp": "-"}


class Row(NamedTuple):
    """A row of the table: what was searched, and how."""

    concept: Concept
    sampler: Sampler
    stopped: str
    start: StartName
    earlier: tuple[Concept, ...] = ()
    """Whose sweeps they were that the search begins with."""


Runs = dict[Row, list[Search]]
"""One search a seed."""


def rows() -> list[Row]:
    """Every sampler with every rule on the sneaker; those that learn, with every start."""
    found = [Row("sneaker", s, name, "cold") for s in get_args(Sampler) for name in STOPPING]
    for concept in CONCEPTS:
        if concept != "sneaker":
            found += [Row(concept, s, "never", "cold") for s in ("random", *_STARTED)]
        others = _others(concept)
        for sampler in _STARTED:
            found += [Row(concept, sampler, "never", "defaults")]
            found += [Row(concept, sampler, "never", "front", (other,)) for other in others]
        found += [Row(concept, "gp", "never", "front", others)]
        found += [Row(concept, "tpe", "never", "trials", (other,)) for other in others]
    return found


def _others(concept: Concept) -> tuple[Concept, ...]:
    return tuple(other for other in CONCEPTS if other != concept)


def _repeats(row: Row, repeats: int) -> int:
    return SLOW_REPEATS if row.sampler == "gp" else repeats


@lru_cache
def _table(concept: Concept) -> Table:
    space = load_space(SPACE)
    recorded = read_rows(RECORDINGS[concept].out)
    return Table(recorded, to_optuna(space.distributions), list(space.objectives))


def _searched(job: tuple[Row, int], trials: int) -> Search:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    row, seed = job
    budget = BudgetConfig(
        trials=trials,
        sampler=row.sampler,
        seed=seed,
        early_stopping=STOPPING[row.stopped],
        warm_start=row.earlier if row.start == "front" else (),
    )
    return search(_table(row.concept), load_space(SPACE), budget, _start(row, trials, seed))


def _start(row: Row, trials: int, seed: int) -> Start:
    if not row.earlier:
        return Start(defaults=row.start == "defaults")
    budget = BudgetConfig(trials=trials, seed=1000 + seed, sampler="random")
    found = {
        concept: search(_table(concept), load_space(SPACE), budget, Start()).trials
        for concept in row.earlier
    }
    if row.start == "trials":
        return Start(earlier=[trial for trials in found.values() for trial in trials])
    known = {
        concept: [PriorTrial(t.number, t.params, tuple(t.values)) for t in trials]
        for concept, trials in found.items()
    }
    named = json.dumps(row.earlier)
    return after(known, load_space(SPACE, [f"budget={{trials: {trials}, warm_start: {named}}}"]))


def searches(trials: int, repeats: int, known: Runs) -> Runs:
    """All of them, two at a time; what is known is not searched again."""
    jobs = [
        (row, seed)
        for row in rows()
        for seed in range(len(known.get(row, ())), _repeats(row, repeats))
    ]
    spawn = multiprocessing.get_context("spawn")
    found: Runs = {row: list(known.get(row, ())) for row in rows()}
    with ProcessPoolExecutor(WORKERS, spawn) as pool:
        done = track(pool.map(partial(_searched, trials=trials), jobs), "searching", len(jobs))
        for (row, _), run in zip(jobs, done, strict=True):
            found[row].append(run)
    return found


def main() -> None:
    """Write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=48, help="of each search")
    parser.add_argument("--repeats", type=int, default=20, help="searches a row, but gp's")
    parser.add_argument("--anew", action="store_true", help="search again what is known")
    wanted = parser.parse_args()
    folder = TRIALS.parent
    kept = folder / "searches.json"
    known = {} if wanted.anew or not kept.exists() else _known(json.loads(kept.read_text()))
    runs = searches(wanted.trials, wanted.repeats, known)
    kept.write_text(json.dumps(_plain(runs)))
    (folder / "table.md").write_text("\n".join(_markdown(concept, runs) for concept in CONCEPTS))
    _draw(runs, folder / "hypervolume.png")


def _scale(concept: Concept, runs: Runs) -> tuple[float, float]:
    """What random search of a concept ends with, and the compute that it takes."""
    random = runs[Row(concept, "random", "never", "cold")]
    ends = [(run.volume[-1], run.compute[-1]) for run in random]
    target, full = np.mean(ends, axis=0)
    return float(target), float(full)


def _markdown(concept: Concept, runs: Runs) -> str:
    table = _table(concept)
    target, full = _scale(concept, runs)
    explained = ", ".join(
        f"{name} {of_all:.2f} and {of_good:.2f}"
        for name, (of_all, of_good) in table.explained().items()
    )
    here = {row: found for row, found in runs.items() if row.concept == concept}
    random = runs[Row(concept, "random", "never", "cold")]
    count, repeats = len(random[0].volume), len(random)
    lines = [
        f"## {concept}",
        "",
        (
            f"{len(table.inputs)} recorded configurations; share of variance explained on those "
            f"left out, of all and of those that erase more than {GOOD}: {explained}. {count} "
            f"trials a search, {repeats} searches a row "
            f"({SLOW_REPEATS} of gp), two workers; means "
            "± standard errors. Compute as a share of what random search without stopping takes "
            f"({full:.0f} s of a processor); its mean hypervolume at the end is {target:.4f}."
        ),
        "",
        (
            "| sampler | stopped | start | whole trials | compute | hypervolume at the end "
            "| at a third of the compute | compute to random search's end |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for row, found in here.items():
        whole = np.mean([run.whole for run in found])
        spent = np.mean([run.compute[-1] for run in found]) / full
        end = mean([run.volume[-1] for run in found])
        third = mean([run.at(AIM * full) for run in found])
        lines.append(
            f"| {row.sampler} | {row.stopped} | {_begun(row)} | {whole:.1f} | {spent:.2f} | {end} "
            f"| {third} | {reached(found, target, full)} |"
        )
    return "\n".join(lines) + "\n"


def _begun(row: Row) -> str:
    return begun(row.start, row.earlier)


def begun(start: str, earlier: Sequence[str]) -> str:
    """How a search begins, in words."""
    if not earlier:
        return start
    return f"{start if len(earlier) == 1 else f'{start}s'} of {' and '.join(earlier)}"


def reached(found: Sequence[Search], target: float, full: float) -> str:
    """When the searches' mean reaches the target, as a share of random search's compute."""
    grid = np.linspace(0, 1, 501) * full
    means = np.mean([[run.at(when) for when in grid] for run in found], axis=0)
    reached = np.flatnonzero(means >= target)
    return f"{grid[reached[0]] / full:.2f}" if len(reached) else "not reached"


def mean(values: Sequence[float]) -> str:
    """With its standard error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{np.mean(values):.4f} ± {error:.4f}"


def _plain(runs: Runs) -> list[dict[str, Any]]:
    return [
        {
            **row._asdict(),
            "searches": [
                {
                    "compute": np.round(run.compute, 2).tolist(),
                    "hypervolume": np.round(run.volume, 6).tolist(),
                    "whole": run.whole,
                }
                for run in found
            ],
        }
        for row, found in runs.items()
    ]


def _known(plain: list[dict[str, Any]]) -> Runs:
    return {
        Row(*(each[name] for name in Row._fields[:-1]), tuple(each["earlier"])): [
            Search(np.array(run["compute"]), np.array(run["hypervolume"]), run["whole"])
            for run in each["searches"]
        ]
        for each in plain
    }


def frame(plot: Axes, title: str, target: float, around: tuple[float, float]) -> None:
    """Title, legend, the aim as two lines, and how much is seen below and above it."""
    plot.axhline(target, color="#999999", lw=0.8)
    plot.axvline(AIM, color="#999999", lw=0.8)
    below, above = around
    plot.set(title=title, ylim=(target - below, target + above))
    plot.grid(alpha=0.25)
    plot.legend(frameon=False, loc="lower right")


def _line_of(row: Row) -> str:
    """Whole after both other concepts' sweeps, broken after one, each in its own way."""
    return "-" if len(row.earlier) > 1 else ("--", ":")[_others(row.concept).index(row.earlier[0])]


def _draw(runs: Runs, path: Path) -> None:
    panels = {
        f"stopped {name}": {s: Row("sneaker", s, name, "cold") for s in get_args(Sampler)}
        for name in STOPPING
    }
    for concept in CONCEPTS:
        shown = [Row(concept, s, "never", "cold") for s in ("random", *_STARTED)]
        others = _others(concept)
        shown += [Row(concept, "gp", "never", "front", (other,)) for other in others]
        shown += [Row(concept, "gp", "never", "front", others)]
        panels[concept] = {f"{row.sampler}, {_begun(row)}": row for row in shown}
    grid = np.linspace(0, 1, 401)
    figure = Figure(figsize=(13, 8), dpi=100, layout="constrained")
    plots = figure.subplots(2, 3).flat
    for plot, (title, lines) in zip(plots, panels.items(), strict=True):
        concept = next(iter(lines.values())).concept
        target, full = _scale(concept, runs)
        for label, row in lines.items():
            means = np.mean([[run.at(share * full) for share in grid] for run in runs[row]], axis=0)
            color = COLORS[row.sampler if row.start == "cold" else row.start]
            style = STYLES[row.sampler] if row.start == "cold" else _line_of(row)
            width = 1.8 if row.start == "cold" or len(row.earlier) > 1 else 1.2
            plot.plot(grid, means, style, color=color, lw=width, label=label)
        frame(plot, title, target, (0.06, 0.012))
    figure.supxlabel("compute, of random search's")
    figure.supylabel("hypervolume, mean")
    FigureCanvasAgg(figure).print_png(str(path))


if __name__ == "__main__":
    main()
