"""Samplers with and without early stopping on the recorded trials: hypervolume against compute.

Run `python benchmarks/samplers/replay.py`: every sampler of `budget.sampler` searches the recorded
space with two workers, as a sweep does (its own samplers, its own rule at the rungs), each time
with another seed; only trainings and judgements are looked up. Writes a table and a figure beside
the recorded trials. Compute is what trainings, rungs and judgements took of a processor.
"""

from __future__ import annotations

import argparse
import heapq
import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
import optuna
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from optuna.trial import TrialState
from record import SPACE, TRIALS, read_rows
from rich.progress import track
from table import RecordedTrial, Table

from pipeline.config import BudgetConfig, EarlyStoppingConfig, load_space
from pipeline.search.distributions import to_optuna
from pipeline.search.halving import verdict
from pipeline.search.pareto import hypervolume_history, reference_point
from pipeline.search.samplers import sampler_for

Sampler = Literal["random", "tpe", "nsga2", "gp"]
Floats = NDArray[np.float64]

UP: Final = ("maximize", "maximize")
WORKERS: Final = 2
STEPS: Final = 36
STOPPING: Final = {
    "never": None,
    "from 1/4": EarlyStoppingConfig(reduction=3, first_rung=0.25),
    "from 1/9": EarlyStoppingConfig(reduction=3, first_rung=1 / 9),
}
"""When trials are stopped: at a quarter and three quarters, or at a ninth and a third."""
AIM: Final = 1 / 3
SLOW_REPEATS: Final = 5
"""Searches of the Gaussian process, which thinks for seconds about each trial."""


@dataclass(frozen=True)
class Search:
    """One search: the hypervolume whenever a trial ended.

    Attributes:
        compute: processor seconds spent until then, (N,).
        volume: (N,), never falling.
        whole: trials that were not stopped.
    """

    compute: Floats
    volume: Floats
    whole: int

    def at(self, compute: float) -> float:
        """The hypervolume after so many seconds."""
        before = int(np.searchsorted(self.compute, compute, side="right"))
        return float(self.volume[before - 1]) if before else 0.0


Runs = dict[tuple[Sampler, str], list[Search]]
"""Sampler and when trials are stopped -> one search a seed."""


def search(table: Table, budget: BudgetConfig, stopping: EarlyStoppingConfig | None) -> Search:
    """Search the table once."""
    space = to_optuna(load_space(SPACE).distributions)
    study = optuna.create_study(directions=list(UP), sampler=optuna.samplers.RandomSampler(0))
    steps = {} if stopping is None else stopping.rungs(STEPS)
    seen: dict[int, list[tuple[float, ...]]] = {}
    spent = 0.0
    ended: list[tuple[float, tuple[float, ...] | None]] = []
    # (when, order, trial, its next rung): what happens next on a worker.
    events: list[tuple[float, int, optuna.Trial, RecordedTrial, list[int], int]] = []
    asked = 0

    def begin(now: float) -> None:
        nonlocal asked
        if asked == budget.trials:
            return
        study.sampler = sampler_for(budget, asked)
        trial = study.ask(space)
        asked += 1
        found = table.trial(trial.params)
        _plan(events, now, trial, found, sorted(steps), 0)

    for _ in range(WORKERS):
        begin(0.0)
    while events:
        now, _, trial, found, left, done = heapq.heappop(events)
        spent += _seconds(found, left, done)
        if left:
            step, *left = left
            here = seen.setdefault(step, [])
            here.append(found.rungs[step])
            assert stopping is not None  # noqa: S101 - only then are there rungs
            if verdict(here, UP, stopping.reduction, len(here) - 1).goes_on:
                _plan(events, now, trial, found, left, step)
                continue
            study.tell(trial, state=TrialState.PRUNED)
            ended.append((spent, None))
        else:
            study.tell(trial, found.values)
            ended.append((spent, found.values))
        begin(now)
    values = [v if v is not None else (np.nan, np.nan) for _, v in ended]
    history = hypervolume_history(values, reference_point(UP), UP)
    whole = sum(v is not None for _, v in ended)
    return Search(np.array([when for when, _ in ended]), history, whole)


def _plan(
    events: list[tuple[float, int, optuna.Trial, RecordedTrial, list[int], int]],
    now: float,
    trial: optuna.Trial,
    found: RecordedTrial,
    left: list[int],
    done: int,
) -> None:
    event = (now + _seconds(found, left, done), trial.number, trial, found, left, done)
    heapq.heappush(events, event)


def _seconds(found: RecordedTrial, left: Sequence[int], done: int) -> float:
    """To a trial's next rung, or to its end, with the judgement there."""
    until = left[0] if left else STEPS
    training = found.seconds["training"] * (until - done) / STEPS
    return training + found.seconds["rung" if left else "judging"]


Job = tuple[Sampler, str, int]
"""Sampler, when trials are stopped, seed."""


@lru_cache(maxsize=1)
def _table(path: Path) -> Table:
    space = load_space(SPACE)
    return Table(read_rows(path), to_optuna(space.distributions), list(space.objectives))


def _searched(job: Job, recorded: Path, trials: int) -> Search:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler, name, seed = job
    budget = BudgetConfig(trials=trials, sampler=sampler, seed=seed)
    return search(_table(recorded), budget, STOPPING[name])


def searches(recorded: Path, trials: int, repeats: int) -> Runs:
    """All of them, two at a time."""
    jobs: list[Job] = [
        (sampler, name, seed)
        for sampler in get_args(Sampler)
        for name in STOPPING
        for seed in range(SLOW_REPEATS if sampler == "gp" else repeats)
    ]
    one = partial(_searched, recorded=recorded, trials=trials)
    spawn = multiprocessing.get_context("spawn")
    found: Runs = {}
    with ProcessPoolExecutor(WORKERS, spawn) as pool:
        done = track(pool.map(one, jobs), "searching", len(jobs))
        for (sampler, name, _), run in zip(jobs, done, strict=True):
            found.setdefault((sampler, name), []).append(run)
    return found


def main() -> None:
    """Write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=48, help="of each search")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--recorded", type=Path, default=TRIALS)
    wanted = parser.parse_args()
    runs = searches(wanted.recorded, wanted.trials, wanted.repeats)
    folder = wanted.recorded.parent
    (folder / "table.md").write_text(_markdown(_table(wanted.recorded), runs))
    (folder / "searches.json").write_text(json.dumps(_plain(runs)))
    _draw(runs, folder / "hypervolume.png")


def _markdown(table: Table, runs: Runs) -> str:
    random = runs["random", "never"]
    target = float(np.mean([run.volume[-1] for run in random]))
    full = float(np.mean([run.compute[-1] for run in random]))
    explained = ", ".join(f"{name} {share:.2f}" for name, share in table.explained().items())
    count, repeats = len(random[0].volume), len(random)
    lines = [
        (
            f"{len(table.inputs)} recorded configurations; share of variance explained on those "
            f"left out: {explained}. {count} trials a search, {repeats} searches a row "
            f"({SLOW_REPEATS} of gp), two workers; means "
            "± standard errors. Compute as a share of what random search without stopping takes "
            f"({full:.0f} s of a processor); its mean hypervolume at the end is {target:.4f}."
        ),
        "",
        (
            "| sampler | stopped | whole trials | compute | hypervolume at the end | at a third of "
            "the compute | compute to random search's end |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for (sampler, name), found in runs.items():
        whole = np.mean([run.whole for run in found])
        spent = np.mean([run.compute[-1] for run in found]) / full
        end = _mean([run.volume[-1] for run in found])
        third = _mean([run.at(AIM * full) for run in found])
        lines.append(
            f"| {sampler} | {name} | {whole:.1f} | {spent:.2f} | {end} | {third} | "
            f"{_reached(found, target, full)} |"
        )
    return "\n".join(lines) + "\n"


def _reached(found: Sequence[Search], target: float, full: float) -> str:
    """When the searches' mean reaches the target, as a share of random search's compute."""
    grid = np.linspace(0, 1, 501) * full
    means = np.mean([[run.at(when) for when in grid] for run in found], axis=0)
    reached = np.flatnonzero(means >= target)
    return f"{grid[reached[0]] / full:.2f}" if len(reached) else "not reached"


def _mean(values: Sequence[float]) -> str:
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{np.mean(values):.4f} ± {error:.4f}"


def _plain(runs: Runs) -> list[dict[str, object]]:
    return [
        {
            "sampler": sampler,
            "stopped": name,
            "searches": [
                {
                    "compute": np.round(run.compute, 2).tolist(),
                    "hypervolume": np.round(run.volume, 6).tolist(),
                }
                for run in found
            ],
        }
        for (sampler, name), found in runs.items()
    ]


def _draw(runs: Runs, path: Path) -> None:
    full = float(np.mean([run.compute[-1] for run in runs["random", "never"]]))
    target = float(np.mean([run.volume[-1] for run in runs["random", "never"]]))
    grid = np.linspace(0, 1, 401)
    figure = Figure(figsize=(12, 4.2), dpi=110, layout="constrained")
    plots = figure.subplots(1, len(STOPPING), sharey=True)
    colors = dict(zip(get_args(Sampler), ("#000000", "#D55E00", "#0072B2", "#009E73"), strict=True))
    styles = dict(zip(get_args(Sampler), (":", "-", "--", "-."), strict=True))
    for plot, name in zip(plots, STOPPING, strict=True):
        for sampler in get_args(Sampler):
            found = runs[sampler, name]
            means = np.mean([[run.at(share * full) for share in grid] for run in found], axis=0)
            plot.plot(grid, means, styles[sampler], color=colors[sampler], label=sampler)
        plot.axhline(target, color="#999999", lw=0.8)
        plot.axvline(AIM, color="#999999", lw=0.8)
        plot.set(title=f"stopped {name}", xlabel="compute, of random search's", ylim=(0.93, 0.995))
        plot.grid(alpha=0.25)
    plots[0].set_ylabel("hypervolume, mean")
    plots[-1].legend(frameon=False, loc="lower right")
    FigureCanvasAgg(figure).print_png(str(path))


if __name__ == "__main__":
    main()
