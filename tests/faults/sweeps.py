"""Sweeps by the real command line, long enough to be hit, and what they must leave."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pipeline.config import SearchSpace, dump_space
from pipeline.search.records import read_sweep
from tests.cli.command import environment_of
from tests.search.spaces import smoke_space
from tests.search.sweeping import Runner, finished

NAME = "smoke"


def long_space(trials: int = 3, **sections: dict[str, Any]) -> SearchSpace:
    """Trials that train for ten seconds or so, with a checkpoint at every step."""
    update = {"steps": {"int_uniform": [75, 90]}, "learning_rate": 1e-4}
    return smoke_space(update=update, budget={"trials": trials}, **sections)


def unlearn(logs: Path, home: Path, *arguments: object, **settings: str) -> Runner:
    """A verb in the background.

    Args:
        logs: folder for what it prints.
        home: its $UNLEARN_HOME.
        arguments: of the verb.
        settings: more variables.
    """
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    return Runner(logs, command, {**environment_of(home), **settings})


def start(logs: Path, home: Path, space: SearchSpace, **settings: str) -> Runner:
    """A new sweep of a space in the background."""
    file = logs / "space.yaml"
    file.write_text(dump_space(space))
    return unlearn(logs, home, "sweep", file, **settings)


def assert_nothing_lost(folder: Path, trials: int, done: dict[int, int]) -> None:
    """Every trial is complete, once, and those of `done` were not touched again."""
    sweep = read_sweep(folder)
    states = [(trial.number, trial.state, trial.reason) for trial in sweep.trials]
    assert states == [(number, "complete", None) for number in range(trials)]
    assert sweep.status == "finished"
    assert finished(folder).items() >= done.items(), "a finished trial was run again"
    assert not list(folder.rglob("*.partial*"))
    assert not list(folder.rglob(".partial-*"))
