"""The durable study: results, failures, interruptions and damaged journals."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from pipeline.search.outcome import Outcome
from pipeline.search.study import Proposal, SweepStudy, load_study
from tests.search.spaces import smoke_space

ROOT = Path(__file__).resolve().parents[2]
GOOD = Outcome({"erasure": 0.9, "alignment": 0.8, "ua": 1.0}, None, 3.5)


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    return load_study(folder, "smoke").get_trials()


def test_results_are_kept_with_metrics_and_seconds(tmp_path: Path) -> None:
    study = SweepStudy(tmp_path, smoke_space())
    study.tell(study.ask().number, GOOD)
    (trial,) = trials(tmp_path)
    assert trial.state == TrialState.COMPLETE
    assert trial.values == [0.9, 0.8]
    assert trial.user_attrs["metrics"] == dict(GOOD.metrics)
    assert trial.user_attrs["seconds"] == 3.5
    assert trial.user_attrs["folder"] == "trials/0000"


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome({"erasure": math.nan, "alignment": 0.8}, None, 1.0),
        Outcome({"erasure": math.inf, "alignment": 0.8}, None, 1.0),
        Outcome({"erasure": 0.9}, None, 1.0),
        Outcome({"erasure": 0.9, "alignment": 0.8}, "diverged", 1.0),
    ],
)
def test_what_has_no_finite_result_fails_with_a_reason(tmp_path: Path, outcome: Outcome) -> None:
    study = SweepStudy(tmp_path, smoke_space())
    study.tell(study.ask().number, outcome)
    study.tell(study.ask().number, GOOD)
    failed, complete = trials(tmp_path)
    assert failed.state == TrialState.FAIL
    assert failed.values is None
    assert failed.user_attrs["reason"]
    assert load_study(tmp_path, "smoke").best_trials == [complete]


def test_pruned_trials_are_not_on_the_front(tmp_path: Path) -> None:
    study = SweepStudy(tmp_path, smoke_space())
    study.prune(study.ask().number, "half of the budget was worse")
    (trial,) = trials(tmp_path)
    assert trial.state == TrialState.PRUNED
    assert load_study(tmp_path, "smoke").best_trials == []


def test_interrupted_trials_come_back_with_number_and_values(tmp_path: Path) -> None:
    study = SweepStudy(tmp_path, smoke_space())
    asked = [study.ask() for _ in range(3)]
    study.tell(1, GOOD)
    assert SweepStudy(tmp_path, smoke_space()).interrupted() == [asked[0], asked[2]]


def test_every_asked_trial_counts_against_the_budget(tmp_path: Path) -> None:
    study = SweepStudy(tmp_path, smoke_space(budget={"trials": 3}))
    study.ask()
    study.tell(study.ask().number, Outcome({}, "diverged", None))
    assert study.remaining == 1
    assert SweepStudy(tmp_path, smoke_space(budget={"trials": 9})).remaining == 7


@pytest.mark.parametrize(
    ("sampler", "budget", "asked"),
    [("tpe", 30, 14), ("random", 30, 14), ("nsga2", 30, 14), ("gp", 12, 7)],
)
def test_an_interrupted_study_proposes_what_it_would_have(
    tmp_path: Path, sampler: str, budget: int, asked: int
) -> None:
    space = smoke_space(budget={"sampler": sampler, "trials": budget, "seed": 5})

    def run(folder: Path, *, anew: bool) -> list[Proposal]:
        folder.mkdir()
        study = SweepStudy(folder, space)
        proposals = []
        for _ in range(asked):
            study = SweepStudy(folder, space) if anew else study
            proposals.append(study.ask())
            rate = proposals[-1].values["update.learning_rate"]
            metrics = {"erasure": rate, "alignment": 1 - rate}
            study.tell(proposals[-1].number, Outcome(metrics, None, 1.0))
        return proposals

    once, reopened = run(tmp_path / "once", anew=False), run(tmp_path / "anew", anew=True)
    assert once == reopened
    # Children inherit numbers, and a Gaussian process likes the ends of a range.
    if sampler not in ("nsga2", "gp"):
        rates = {proposal.values["update.learning_rate"] for proposal in once}
        assert len(rates) == len(once)


@pytest.mark.parametrize(("sampler", "count"), [("tpe", 60), ("gp", 12)])
def test_samplers_find_the_better_half_after_their_random_start(
    tmp_path: Path, sampler: str, count: int
) -> None:
    space = smoke_space(budget={"sampler": sampler, "trials": count})
    study = SweepStudy(tmp_path, space)
    for _ in range(count):
        proposal = study.ask()
        diversity = proposal.values["prompts.forget_diversity"]
        metrics = {"erasure": diversity, "alignment": diversity}
        study.tell(proposal.number, Outcome(metrics, None, 1.0))
    late = [trial.values[0] for trial in trials(tmp_path)[2 * count // 3 :]]
    assert sum(late) / len(late) > 0.75


def test_half_a_line_at_the_journals_end_is_dropped(tmp_path: Path) -> None:
    study = SweepStudy(tmp_path, smoke_space())
    study.tell(study.ask().number, GOOD)
    journal = tmp_path / "study.log"
    with journal.open("ab") as file:
        file.write(b'{"op_code":6,"worker')
    again = SweepStudy(tmp_path, smoke_space())
    again.tell(again.ask().number, GOOD)
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.COMPLETE] * 2


def test_a_dead_writers_lock_does_not_stop_the_next_one(tmp_path: Path) -> None:
    SweepStudy(tmp_path, smoke_space())
    (tmp_path / "study.log.lock").symlink_to(tmp_path / "study.log")
    assert SweepStudy(tmp_path, smoke_space()).ask().number == 0


KILLED_WHILE_ASKING = """
import os, sys
from pathlib import Path
from optuna.trial import Trial
from pipeline.search.study import SweepStudy
from tests.search.spaces import smoke_space

study = SweepStudy(Path(sys.argv[1]), smoke_space())
study.ask()
suggest, left = Trial._suggest, [3]
def dying(self, name, distribution):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), 9)
    return suggest(self, name, distribution)
Trial._suggest = dying
study.ask()
"""


def test_a_trial_that_was_half_proposed_is_completed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_WHILE_ASKING, str(tmp_path)]
    assert subprocess.run(command, check=False, cwd=ROOT).returncode == -9
    half = trials(tmp_path)[1].params
    assert len(half) == 3
    study = SweepStudy(tmp_path, smoke_space())
    first, second = study.interrupted()
    assert (first.number, second.number) == (0, 1)
    assert second.values.keys() == smoke_space().distributions.keys()
    completed = trials(tmp_path)[1].params
    assert completed.items() >= half.items()
    assert study.interrupted() == [first, second]
