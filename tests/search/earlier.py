"""Sweeps that others learn from: real studies and folders, without a training."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import SearchSpace, dump_space, parse_space
from pipeline.search.files import write_json
from pipeline.search.outcome import Outcome
from pipeline.search.places import sweeps_folder
from pipeline.search.searcher import StudySearcher
from pipeline.search.study import SweepStudy, load_study


def put_sweep(name: str, space: SearchSpace, trials: int = 6, base: str | None = "f" * 64) -> Path:
    """A sweep that has ended: diversity erases, and costs alignment; the last trial failed."""
    budget = {**space.tree["budget"], "trials": trials}
    space = parse_space({**space.tree, "budget": budget})
    folder = sweeps_folder() / name
    folder.mkdir(parents=True)
    (folder / "space.yaml").write_text(dump_space(space))
    write_json(folder / "sweep.json", {"name": space.name, "status": "finished", "base": base})
    study = SweepStudy(folder, space)
    searcher = StudySearcher(study, folder, 99, lambda: None)
    for number in range(trials):
        searcher.suggest(str(number))
        value = (
            load_study(folder, space.name).get_trials()[number].params["prompts.forget_diversity"]
        )
        metrics = {"erasure": value, "alignment": 1 - value / 2}
        end = Outcome(metrics, None, 1.0) if number < trials - 1 else Outcome({}, "NaN", 1.0)
        searcher.on_trial_complete(str(number), end.as_result())
    return folder
