"""Trials at their rungs: what the study says, what a trial does, and a sweep through a real Ray."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from rich.console import Console

from pipeline.config import SearchSpace
from pipeline.diffusion import Store
from pipeline.evaluation.judge import evaluate
from pipeline.evaluation.report import Report
from pipeline.prompts import build_prompt_set
from pipeline.search.halving import Verdict
from pipeline.search.live import PlainView
from pipeline.search.outcome import Outcome
from pipeline.search.records import read_sweep
from pipeline.search.rung import RungReport, measured, note_verdict
from pipeline.search.rung_judge import even_batch, judge_at_rung, rung_prompts
from pipeline.search.study import SweepStudy, load_study
from pipeline.search.sweep import run_sweep
from pipeline.search.taken import Taken
from pipeline.search.trial import run_trial
from pipeline.search.unlearned import base_model
from tests.search.earlier import put_sweep
from tests.search.spaces import put_trial, smoke_space, values
from tests.search.sweeping import worker_of

SETTINGS = {"reduction": 2, "first_rung": 0.3, "prompts": 8, "steps": 2}


def stopping_space(**budget: Any) -> SearchSpace:
    return smoke_space(budget={"early_stopping": SETTINGS, **budget})


def at(rung: int, erasure: float, alignment: float) -> RungReport:
    return RungReport(rung, 3 * 2**rung, {"erasure": erasure, "alignment": alignment})


def test_reports_pass_through_results_unchanged() -> None:
    report = at(1, 0.25, float("inf"))
    assert RungReport.from_result({**report.as_result(), "training_iteration": 2}) == report
    assert RungReport.from_result({"done": True}) is None
    stopped = Outcome({}, "worse than most", 2.0, 12)
    assert Outcome.from_result(stopped.as_result()) == stopped


def test_a_rung_keeps_the_better_half_and_says_the_same_again(tmp_path: Path) -> None:
    study = SweepStudy(tmp_path, stopping_space())
    levels = (0.5, 0.4, 0.6, 0.45)
    for _ in levels:
        study.ask()
    said = [study.enter_rung(n, at(0, level, level)) for n, level in enumerate(levels)]
    assert said == [
        Verdict(goes_on=True, place=1, of=1),
        Verdict(goes_on=False, place=2, of=2),
        Verdict(goes_on=True, place=1, of=3),
        Verdict(goes_on=False, place=3, of=4),
    ]
    # Run anew, a trial may measure something else on another machine; it is in the table already.
    again = SweepStudy(tmp_path, stopping_space())
    assert again.enter_rung(1, at(0, 0.9, 0.9)) == said[1]
    # The next rung has a table of its own.
    assert again.enter_rung(2, at(1, 0.1, 0.1)) == Verdict(goes_on=True, place=1, of=1)
    rungs = load_study(tmp_path, "smoke").get_trials()[2].user_attrs["rungs"]
    assert [(entry["rung"], entry["values"]["erasure"]) for entry in rungs] == [(0, 0.6), (1, 0.1)]


def test_a_study_that_is_opened_anew_stops_the_same_trials(tmp_path: Path) -> None:
    def run(folder: Path, *, anew: bool) -> list[Verdict]:
        folder.mkdir()
        study = SweepStudy(folder, stopping_space(trials=9))
        said = []
        for _ in range(9):
            study = SweepStudy(folder, stopping_space(trials=9)) if anew else study
            proposal = study.ask()
            value = proposal.values["prompts.forget_diversity"]
            said.append(study.enter_rung(proposal.number, at(0, value, value / 2)))
            metrics = {"erasure": value, "alignment": value / 2}
            end = Outcome(metrics, None, 1.0) if said[-1].goes_on else Outcome({}, "no", 1.0, 3)
            study.tell(proposal.number, end)
        return said

    assert run(tmp_path / "once", anew=False) == run(tmp_path / "anew", anew=True)


def test_a_stopped_trial_is_pruned_and_beaten(tmp_path: Path) -> None:
    study = SweepStudy(tmp_path, stopping_space())
    study.tell(study.ask().number, Outcome({"erasure": 0.1, "alignment": 0.1}, None, 1.0))
    study.tell(study.ask().number, Outcome({}, "stopped early", 0.5, 3))
    trial = load_study(tmp_path, "smoke").get_trials()[1]
    assert (trial.state, trial.values) == (TrialState.PRUNED, None)
    assert trial.user_attrs["reason"] == "stopped early"
    assert trial.user_attrs["seconds"] == 0.5
    assert study.beaten() == [1]


@pytest.mark.parametrize("concepts", [1, 2])
def test_few_prompts_show_each_concept_and_as_much_of_it_as_all(concepts: int) -> None:
    also = [{"kind": "style", "forget": ["neon"]}][: concepts - 1]
    space = smoke_space(prompts={"test": 144}, concept={"also": also})
    experiment = space.fill(values(space))
    whole = build_prompt_set(experiment.concept, experiment.prompts)
    few = rung_prompts(whole, 32)
    share = len(whole.forget_test) / (len(whole.forget_test) + len(whole.retain_test))
    assert len(few.forget_test) + len(few.retain_test) == 32
    assert len(few.forget_test) == round(32 * share)
    for concept in whole.concepts:
        assert any(p.labels.get(concept.kind) in concept.forgotten for p in few.forget_test)
    for axis in ("object", "style"):
        seen, shown = (
            {prompt.labels.get(axis) for prompt in prompts}
            for prompts in (few.retain_test, whole.retain_test)
        )
        assert seen == shown
    everything = rung_prompts(whole, 1000)
    assert everything.retain_test == whole.retain_test
    assert everything.forget_test == whole.forget_test


@pytest.mark.parametrize(
    ("pictures", "most", "batch"), [(24, 32, 24), (32, 32, 32), (40, 32, 20), (65, 32, 22)]
)
def test_a_rung_fills_up_no_more_of_a_batch_than_it_must(
    pictures: int, most: int, batch: int
) -> None:
    assert even_batch(pictures, most) == batch


def test_a_rung_is_judged_in_even_batches(tmp_path: Path) -> None:
    space = smoke_space(budget={"early_stopping": {**SETTINGS, "prompts": 9}})
    experiment = space.fill(values(space))
    assert experiment.evaluation.batch == 8
    base, own = base_model(experiment), Store(tmp_path)
    prompt_set = build_prompt_set(experiment.concept, experiment.prompts)
    judge_at_rung(base, base, prompt_set, experiment, own)

    def made_by(batch: int) -> int:
        """Files that the store gets by the same judgement in batches of this size."""
        before = sum(1 for _ in tmp_path.rglob("*"))
        sampling = {"steps": SETTINGS["steps"], "batch": batch}
        evaluation = experiment.evaluation.model_copy(update=sampling)
        asked = experiment.model_copy(update={"evaluation": evaluation})
        evaluate(base, rung_prompts(prompt_set, 9), asked, own, base=base)
        return sum(1 for _ in tmp_path.rglob("*")) - before

    assert made_by(5) == 0, "nine pictures are two batches of five"
    assert made_by(8) > 0


class Sweep:
    """What a sweep answers a trial, without the sweep.

    Args:
        folder: of the trial.
        stops_at: rung from which it does not go on.
        dies_at: rung in whose report the trial's process dies.
    """

    def __init__(self, folder: Path, stops_at: int = 99, dies_at: int = 99) -> None:
        self.folder, self.stops_at, self.dies_at = folder, stops_at, dies_at
        self.heard: list[int] = []

    def tell(self, result: Mapping[str, Any]) -> None:
        """Answer what is sent from a rung."""
        report = RungReport.from_result(result)
        assert report is not None
        self.heard.append(report.rung)
        if report.rung == self.dies_at:
            raise KeyboardInterrupt
        goes_on = report.rung < self.stops_at
        note_verdict(self.folder, report.rung, Verdict(goes_on=goes_on, place=2, of=2))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("cache"))


def test_a_trial_that_goes_on_at_every_rung_ends_with_the_same_bits(
    tmp_path: Path, store: Store
) -> None:
    """Also one whose process dies at a rung: it is not judged there again."""
    alone = put_trial(tmp_path / "alone", smoke_space())
    watched = put_trial(tmp_path / "watched", stopping_space())
    run_trial(alone, store, time.time())
    with pytest.raises(KeyboardInterrupt):
        run_trial(watched, store, time.time(), tell=Sweep(watched, dies_at=1).tell)
    before = measured(watched, 1)
    assert before is not None
    sweep = Sweep(watched)
    assert run_trial(watched, store, time.time(), tell=sweep.tell).stopped_at is None
    # Six steps, rungs at 2 and 4, checkpoints of both.
    assert sweep.heard == [1]
    assert measured(watched, 1) == before
    assert before.values.keys() == {"erasure", "alignment"}
    weights = [folder / "weights.safetensors" for folder in (alone, watched)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    reports = [Report.load(folder / "report.json") for folder in (alone, watched)]
    assert reports[0].metrics == reports[1].metrics
    timing = json.loads((watched / "timing.json").read_text())
    assert timing["rungs"] > 0
    assert timing["training"] > 0


def test_a_stopped_trial_tidies_up_and_is_not_run_again(tmp_path: Path, store: Store) -> None:
    folder = put_trial(tmp_path / "stopped", stopping_space())
    outcome = run_trial(folder, store, time.time(), tell=Sweep(folder, stops_at=1).tell)
    assert outcome.stopped_at == 4
    assert outcome.reason is not None
    assert outcome.reason.startswith("stopped early after step 4 of 6: number 2 of the 2 trials")
    left = {path.name for path in folder.iterdir()}
    assert not left & {"checkpoints", "pictures", "rung.safetensors", "weights.safetensors"}
    silent = Sweep(folder)
    assert run_trial(folder, store, time.time(), tell=silent.tell) == outcome
    assert silent.heard == []


@pytest.mark.timeout(600)
def test_a_sweep_stops_trials_early_and_uses_their_process_again(tmp_path: Path) -> None:
    """It begins with the defaults and with a setting of an earlier front, too."""
    put_sweep("earlier", smoke_space(), base=None)
    warm = {"warm_start": ["earlier"], "start_from_defaults": True}
    space = stopping_space(trials=5, max_concurrent=1, sampler="gp", **warm)
    sweep = run_sweep(
        space, tmp_path / "smoke", resume=False, view=PlainView(Console(file=sys.stderr))
    )
    assert sweep == read_sweep(tmp_path / "smoke")
    assert sweep.status == "finished"
    assert [trial.number for trial in sweep.trials] == [0, 1, 2, 3, 4]
    assert sweep.taken == {"earlier": Taken(tried=1, known=5)}
    assert sweep.trials[0].params["update.learning_rate"] == 1e-4
    states = [trial.state for trial in sweep.trials]
    assert states[0] == "complete"  # the first one at a rung always goes on
    assert set(states) == {"complete", "pruned"}
    stopping = space.budget.early_stopping
    assert stopping is not None
    for trial in sweep.trials:
        *passed, last = trial.rungs
        assert all(rung.goes_on for rung in passed)
        assert last.goes_on == (trial.state == "complete")
        assert trial.stopped_at == (None if last.goes_on else last.step)
        assert (trial.folder / "weights.safetensors").exists() == (trial.state == "complete")
        reached = stopping.rungs(trial.params["update.steps"])
        assert [rung.step for rung in trial.rungs] == list(reached)[: len(trial.rungs)]
    assert len({worker_of(trial) for trial in sweep.trials}) == 1
