"""Samplers on real trainings: whether what the recorded trials' interpolation says is true.

Run `python benchmarks/samplers/live.py`: searches as in `replay.py`, two at a time, but each
configuration that a sampler proposes is trained and judged. Random search is not searched again:
`record.py` drew the recorded configurations at random, and 48 of them in any order are one. An
earlier sweep, whose front a search begins with, is such a random search of another concept. What
was searched is kept in `live.jsonl`, a line a search; the same command goes on, and writes a table
and a figure of all there is.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import numpy as np
import optuna
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from record import RECORDINGS, SPACE, TRIALS, Recording, measured, prepared, read_rows
from replay import AIM, COLORS, CONCEPTS, Concept, Sampler, begun, frame, mean, reached
from rich.progress import track
from searching import UP, WORKERS, Search, Start, after, search
from table import RecordedTrial

from pipeline.config import BudgetConfig, load_space
from pipeline.search.pareto import hypervolume_history, reference_point
from pipeline.search.priors import PriorTrial

OUT: Final = TRIALS.with_name("live.jsonl")
RANDOM_TRIALS: Final = 48
"""Of a random search, whose end is to be reached."""
ORDERS: Final = 200
"""In which the recorded configurations are taken for random searches."""


class Live(NamedTuple):
    """What is searched, and how."""

    concept: Concept
    sampler: Sampler
    earlier: tuple[Concept, ...]
    """Whose random searches' fronts it begins with."""
    seed: int


class _Trained:
    """Configurations of a concept, each trained and judged when it is asked for."""

    def __init__(self, concept: Concept) -> None:
        self._what = _recording(concept)
        # Seconds of a trial differ by chance; by their median a search goes the same way again.
        self._seconds = _seconds(concept)
        self.found: list[dict[str, Any]] = []

    def trial(self, params: Mapping[str, Any]) -> RecordedTrial:
        """Train it and judge it."""
        values = measured(self._what, params)["values"]
        self.found.append({"params": dict(params), "values": values})
        return RecordedTrial({}, _values(values), self._seconds)


def searched(job: Live, trials: int) -> dict[str, Any]:
    """One search; what it found, trial by trial in the order in which they began."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    budget = BudgetConfig(
        trials=RANDOM_TRIALS,
        sampler=job.sampler,
        seed=job.seed,
        warm_start=job.earlier,
    )
    trained = _Trained(job.concept)
    found = search(trained, load_space(SPACE), budget, start(job.earlier, job.seed), trials)
    return {
        **job._asdict(),
        "trials": trained.found,
        "compute": np.round(found.compute, 2).tolist(),
        "hypervolume": found.volume.tolist(),
    }


def start(earlier: Sequence[Concept], seed: int) -> Start:
    """What a search begins with."""
    known = {
        concept: [
            PriorTrial(row["number"], row["params"], _values(row["values"]))
            for row in random_search(concept, seed)
        ]
        for concept in earlier
    }
    budget = f"budget={{trials: {RANDOM_TRIALS}, warm_start: {json.dumps(earlier)}}}"
    return after(known, load_space(SPACE, [budget]))


def random_search(concept: Concept, seed: int) -> list[dict[str, Any]]:
    """48 of the recorded configurations, others with every seed."""
    rows = _rows(concept)
    order = np.random.default_rng(1000 + seed).permutation(len(rows))
    return [rows[place] for place in order[:RANDOM_TRIALS]]


@cache
def _rows(concept: Concept) -> list[dict[str, Any]]:
    return read_rows(RECORDINGS[concept].out)


def _recording(concept: Concept) -> Recording:
    return replace(RECORDINGS[concept], rungs=())


def _seconds(concept: Concept) -> dict[str, float]:
    seconds = [row["seconds"] for row in _rows(concept) if row["values"]]
    return {p: float(np.median([each[p] for each in seconds])) for p in ("training", "judging")}


def _values(named: Mapping[str, float] | None) -> tuple[float, ...]:
    """The objectives; of a training that diverged the worst."""
    return (0.0, 0.0) if named is None else tuple(named.values())


def main() -> None:
    """Search what is missing, and write table and figure of all there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=18, help="of each search's 48")
    parser.add_argument("--repeats", type=int, default=5, help="searches of each kind")
    parser.add_argument("--sampler", choices=get_args(Sampler), default="gp")
    parser.add_argument("--earlier", type=int, default=0, help="how many sweeps they begin with")
    wanted = parser.parse_args()
    known = _known()
    jobs = [
        job
        for seed in range(wanted.repeats)
        for concept in CONCEPTS
        for earlier in _earlier(concept)
        if len(earlier) == wanted.earlier
        if (job := Live(concept, wanted.sampler, earlier, seed)) not in known
    ]
    _search(jobs, wanted.trials)
    known = _known()
    OUT.with_suffix(".md").write_text("\n".join(_markdown(c, known) for c in CONCEPTS))
    _draw(known, OUT.with_suffix(".png"))


def _earlier(concept: Concept) -> list[tuple[Concept, ...]]:
    others = [other for other in CONCEPTS if other != concept]
    return [(), *((other,) for other in others), tuple(others)]


def _search(jobs: Sequence[Live], trials: int) -> None:
    for concept in {job.concept for job in jobs}:
        prepared(_recording(concept))  # once, before several processes ask for the same pictures
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, spawn) as pool, OUT.open("a") as file:
        running = [pool.submit(searched, job, trials) for job in jobs]
        try:
            for done in track(as_completed(running), "searching", len(jobs)):
                file.write(json.dumps(done.result()) + "\n")
                file.flush()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _known() -> dict[Live, Search]:
    lines = OUT.read_text().splitlines() if OUT.exists() else []
    return {
        Live(row["concept"], row["sampler"], tuple(row["earlier"]), row["seed"]): Search(
            np.array(row["compute"]), np.array(row["hypervolume"]), len(row["trials"])
        )
        for row in map(json.loads, lines)
    }


def _kinds(concept: Concept, known: Mapping[Live, Search]) -> dict[str, list[Search]]:
    """The searches of a concept by what they are called."""
    kinds: dict[str, list[Search]] = {}
    by_start = sorted(known.items(), key=lambda it: (len(it[0].earlier), it[0].earlier, it[0].seed))
    for job, found in by_start:
        if job.concept == concept:
            start = begun("front" if job.earlier else "cold", job.earlier)
            kinds.setdefault(f"{job.sampler} | {start}", []).append(found)
    return kinds


@cache
def _random(concept: Concept) -> list[Search]:
    """Random searches of the recorded configurations, each in another order."""
    each = sum(_seconds(concept).values())
    found = []
    for seed in range(ORDERS):
        values = [_values(row["values"]) for row in random_search(concept, seed)]
        compute = each * np.arange(1, len(values) + 1)
        volume = hypervolume_history(values, reference_point(UP), UP)
        found.append(Search(compute, volume, len(values)))
    return found


def _markdown(concept: Concept, known: Mapping[Live, Search]) -> str:
    random, recorded = _random(concept), len(_rows(concept))
    full = float(random[0].compute[-1])
    ends = [run.volume[-1] for run in random]
    target = float(np.mean(ends))
    # The orders share their configurations: so many searches are there that share none.
    error = np.std(ends) / np.sqrt(recorded / RANDOM_TRIALS)
    lines = [
        f"## {concept}",
        "",
        (
            f"Random search ends with {target:.4f} ± {error:.4f} after {RANDOM_TRIALS} trials "
            f"({full:.0f} s of a processor; {recorded} configurations in {ORDERS} orders)."
        ),
        "",
        (
            "| sampler | start | searches | at a third of the compute | of single searches "
            "| compute to random search's end |"
        ),
        "|---|---|---|---|---|---|",
    ]
    for name, found in {"random | cold": random, **_kinds(concept, known)}.items():
        third = [run.at(AIM * full) for run in found]
        single = "" if found is random else " ".join(f"{value:.4f}" for value in sorted(third))
        count = "" if found is random else len(found)
        spread = f"{np.mean(third):.4f}" if found is random else mean(third)
        when = reached(found, target - 1e-9, full)
        lines.append(f"| {name} | {count} | {spread} | {single} | {when} |")
    return "\n".join(lines) + "\n"


def _draw(known: Mapping[Live, Search], path: Path) -> None:
    figure = Figure(figsize=(13, 4.2), dpi=100, layout="constrained")
    for plot, concept in zip(figure.subplots(1, len(CONCEPTS)), CONCEPTS, strict=True):
        random = _random(concept)
        full = float(random[0].compute[-1])
        target = float(np.mean([run.volume[-1] for run in random]))
        grid = np.linspace(0, 1, 401)
        fronts = iter(("--", "-.", "-"))
        for name, found in {"random | cold": random, **_kinds(concept, known)}.items():
            there = grid[grid * full <= min(run.compute[-1] for run in found) + 0.01]
            curves = np.array([[run.at(share * full) for share in there] for run in found])
            warm = "front" in name
            color = COLORS["front" if warm else name.split(" | ")[0]]
            style = ":" if found is random else next(fronts) if warm else "-"
            plot.plot(there, curves.mean(axis=0), style, color=color, label=name.replace(" |", ","))
            if not warm and found is not random:
                plot.plot(there, curves.T, color=color, lw=0.5, alpha=0.5)
        frame(plot, concept, target, (0.03, 0.012))
    figure.supxlabel("compute, of random search's")
    figure.supylabel("hypervolume, means (thin: single searches)")
    FigureCanvasAgg(figure).print_png(str(path))


if __name__ == "__main__":
    main()
