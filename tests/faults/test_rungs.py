"""A sweep that is killed -9 while it stops trials early."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.search.live import PlainView
from pipeline.search.places import home
from pipeline.search.records import SweepRecord, read_sweep
from pipeline.search.rung import measured
from pipeline.search.sweep import run_sweep
from tests.faults.sweeps import NAME, start, unlearn
from tests.search.spaces import smoke_space
from tests.search.sweeping import wait_for_death, worker_of


@pytest.mark.faults
@pytest.mark.timeout(1200)
def test_a_sweep_that_is_killed_at_a_rung_stops_the_same_trials_as_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    """Trial by trial: where each was stopped, and what every one was worth at every rung."""
    stopping = {"reduction": 2, "first_rung": 0.3, "prompts": 8}
    space = smoke_space(
        update={"learning_rate": {"log_uniform": [1e-4, 1e-2]}},
        budget={"trials": 5, "max_concurrent": 1, "seed": 1, "early_stopping": stopping},
    )
    folder = home() / "sweeps" / NAME
    sweep = start(tmp_path, home(), space)
    hit = folder / "trials" / "0002"
    sweep.wait_for(lambda: measured(hit, 0) is not None, "the third trial was at a rung")
    worker = worker_of(read_sweep(folder).trials[2])
    sweep.process.kill()
    sweep.process.wait()
    if worker is not None:
        wait_for_death(worker)

    text = unlearn(tmp_path, home(), "resume", NAME).end()
    assert read_sweep(folder).status == "finished", text
    view = PlainView(Console(file=sys.stderr))
    undisturbed = run_sweep(space, home() / "undisturbed" / NAME, resume=False, view=view)
    assert told(read_sweep(folder)) == told(undisturbed)
    assert {trial.state for trial in undisturbed.trials} == {"complete", "pruned"}


def told(sweep: SweepRecord) -> list[object]:
    """All that a sweep decides by."""
    return [
        (trial.number, trial.state, trial.params, trial.values, trial.rungs, trial.reason)
        for trial in sweep.trials
    ]
