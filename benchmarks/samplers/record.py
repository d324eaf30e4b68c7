"""Evaluates configurations of a space once and for all, so that samplers can be compared on them.

Run `python benchmarks/samplers/record.py`: configurations drawn at random are trained and judged,
two at a time, in full and at rungs on the way; one line of `trials.jsonl` each, in the
order in which they end. Interrupt it at will: the same command goes on. Times are those of the
processor, which other work on the machine does not lengthen much.

`record.py --concept bag` (or `neon`) records another concept's trials in the same space, for
searches that start warm: at their end alone, into `bag.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import optuna
import torch
from optuna.samplers import RandomSampler
from rich.progress import track

from pipeline.config import Experiment, SearchSpace, load_space
from pipeline.diffusion import DiffusionModel, Store
from pipeline.diffusion.weights import apply_weights
from pipeline.evaluation.judge import evaluate
from pipeline.prompts import PromptSet, build_prompt_set
from pipeline.search.distributions import from_optuna, to_optuna
from pipeline.search.places import store_root
from pipeline.search.rung_judge import judge_at_rung
from pipeline.search.unlearned import base_model
from pipeline.unlearning import DivergedError, prepare_training_set, train
from pipeline.unlearning.rungs import Rungs

HERE: Final = Path(__file__).parent
SPACE: Final = HERE / "space.yaml"
TRIALS: Final = HERE.parent / "results" / "samplers" / "trials.jsonl"


@dataclass(frozen=True)
class Recording:
    """What is recorded.

    Attributes:
        out: one line a configuration.
        concept: what the space's file says otherwise.
        rungs: steps, of 36, at which a configuration is judged on the way.
    """

    out: Path
    concept: tuple[str, ...]
    rungs: tuple[int, ...]


def _at_the_end(name: str, kind: str, anchor: str) -> Recording:
    concept = (f"concept.kind={kind}", f"concept.forget=[{name}]", f"concept.anchor={anchor}")
    return Recording(TRIALS.with_name(f"{name}.jsonl"), concept, rungs=())


RECORDINGS: Final[dict[str, Recording]] = {
    # At a ninth, a quarter, a third and three quarters of the training.
    "sneaker": Recording(TRIALS, (), (4, 9, 12, 27)),
    "bag": _at_the_end("bag", "object", "t-shirt"),
    "neon": _at_the_end("neon", "style", "photo"),
}


def main() -> None:
    """Record what is missing of the configurations asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--concept", choices=RECORDINGS, default="sneaker")
    wanted = parser.parse_args()
    what = RECORDINGS[wanted.concept]
    what.out.parent.mkdir(parents=True, exist_ok=True)
    known = {row["number"] for row in read_rows(what.out)}
    missing = [n for n in range(wanted.count) if n not in known]
    if not missing:
        return
    prepared(what)  # once, before several processes ask for the same pictures
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(wanted.workers, spawn) as pool, what.out.open("a") as file:
        jobs = [pool.submit(evaluated, what, n, wanted.seed) for n in missing]
        try:
            for job in track(as_completed(jobs), "recording", len(jobs)):
                file.write(json.dumps(job.result()) + "\n")
                file.flush()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The recorded configurations, by number."""
    lines = path.read_text().splitlines() if path.exists() else []
    return sorted(map(json.loads, lines), key=lambda row: row["number"])


@dataclass
class _Clock:
    """Processor seconds by what they were spent on."""

    spent: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.process_time)

    def lap(self, name: str) -> None:
        now = time.process_time()
        self.spent[name] = self.spent.get(name, 0.0) + now - self._since
        self._since = now


def evaluated(what: Recording, number: int, seed: int) -> dict[str, Any]:
    """Draw a configuration, train it, judge it at the rungs and at its end."""
    params, _ = _drawn(prepared(what)[0], seed + number)
    return {"number": number, "params": params, **measured(what, params)}


def measured(what: Recording, params: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of a configuration: `values`, `rungs` by step, processor `seconds` by part.

    Values are None, with a `reason`, where the training diverged.
    """
    torch.set_num_threads(1)
    space, base, prompt_set, store = prepared(what)
    experiment = space.fill(from_optuna(space.distributions, params))
    rungs: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        data = prepare_training_set(base, prompt_set, experiment, store)
        clock = _Clock()

        def ask(step: int, weights: Path) -> bool:
            clock.lap("training")
            model = apply_weights(base, weights)
            metrics = judge_at_rung(model, base, prompt_set, experiment, store)
            rungs[step] = _objectives(experiment, metrics)
            clock.lap("rungs")
            return True

        found = {"rungs": rungs, "seconds": clock.spent}
        try:
            rungs_ahead = Rungs(what.rungs, ask)
            weights = train(base, experiment, data, Path(scratch), rungs=rungs_ahead)
        except DivergedError as error:
            return {**found, "values": None, "reason": str(error)}
        clock.lap("training")
        model = apply_weights(base, weights)
        report = evaluate(model, prompt_set, experiment, store, base=base).report
        clock.lap("judging")
    return {**found, "values": _objectives(experiment, report.metrics)}


def _objectives(experiment: Experiment, metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: metrics[name] for name in experiment.objectives}


def _drawn(space: SearchSpace, seed: int) -> tuple[dict[str, Any], Experiment]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=RandomSampler(seed))
    params = study.ask(to_optuna(space.distributions)).params
    return params, space.fill(from_optuna(space.distributions, params))


@lru_cache(maxsize=1)
def prepared(what: Recording) -> tuple[SearchSpace, DiffusionModel, PromptSet, Store]:
    """The space and what all of its configurations share, made where it is missing."""
    space = load_space(SPACE, what.concept)
    store = Store(store_root())
    _, experiment = _drawn(space, 0)
    base = base_model(experiment)
    prompt_set = build_prompt_set(experiment.concept, experiment.prompts)
    prepare_training_set(base, prompt_set, experiment, store)
    if what.rungs:
        judge_at_rung(base, base, prompt_set, experiment, store)
    evaluate(base, prompt_set, experiment, store, base=base)
    return space, base, prompt_set, store


if __name__ == "__main__":
    main()
