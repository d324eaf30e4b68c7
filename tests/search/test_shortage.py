"""Trials that run out of memory: the allocator's own refusals, and what the next attempt does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.config import Experiment, FinalConfig
from pipeline.search.files import read_json, write_json
from pipeline.search.finals import _train_and_judge
from pipeline.search.outcome import Outcome
from pipeline.search.shortage import note_death, note_shortage, take_up, with_less_at_once
from tests.search.spaces import put_trial, smoke_space, values


def experiment_of(**sections: dict[str, Any]) -> Experiment:
    space = smoke_space(**sections)
    return space.fill(values(space))


def refusal() -> BaseException:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    return caught.value


def test_a_first_attempt_is_run_as_it_was_asked_for(tmp_path: Path) -> None:
    experiment = experiment_of()
    assert take_up(tmp_path, experiment) is None
    assert with_less_at_once(experiment, tmp_path) == experiment


@pytest.mark.parametrize("judged", [None, "weights.safetensors", "rung.safetensors"])
def test_after_a_refusal_half_the_rows_are_taken_where_it_happened(
    judged: str | None, tmp_path: Path
) -> None:
    experiment = experiment_of()
    take_up(tmp_path, experiment)
    if judged is not None:
        (tmp_path / judged).touch()
    note_shortage(tmp_path, refusal())
    (tmp_path / "error.txt").write_text("RuntimeError")
    assert take_up(tmp_path, experiment) is None
    assert not (tmp_path / "error.txt").exists()
    assert not (tmp_path / "rung.safetensors").exists()
    again = with_less_at_once(experiment, tmp_path)
    assert again.update.accumulate == (2 if judged is None else 1)
    assert again.evaluation.batch == (8 if judged is None else 4)
    assert again.update.forget_batch == experiment.update.forget_batch
    # A later attempt, after another kind of death, keeps what was learned.
    assert take_up(tmp_path, experiment) is None
    assert with_less_at_once(experiment, tmp_path) == again


@pytest.mark.parametrize(
    ("sections", "deaths", "why"),
    [
        ({}, 2, "with half the rows at a time too"),
        ({"update": {"accumulate": 4}}, 1, "with one row at a time"),
        ({"scaling": {"out_of_memory": "fail"}}, 1, "scaling.out_of_memory is fail"),
    ],
)
def test_a_trial_that_cannot_do_with_less_has_failed_with_advice(
    sections: dict[str, dict[str, Any]], deaths: int, why: str, tmp_path: Path
) -> None:
    experiment = experiment_of(**sections)
    for _ in range(deaths):
        assert take_up(tmp_path, experiment) is None
        note_death(tmp_path)
    outcome = take_up(tmp_path, experiment)
    assert outcome is not None
    assert outcome.reason is not None
    assert why in outcome.reason
    assert "raise update.accumulate" in outcome.reason
    # What has ended stays as it is, and is told by whoever runs it.
    assert take_up(tmp_path, experiment) is None
    assert Outcome.read(tmp_path) == outcome


def test_other_errors_change_nothing(tmp_path: Path) -> None:
    experiment = experiment_of()
    for error in (ValueError("no"), RuntimeError("shapes differ"), ChildProcessError()):
        take_up(tmp_path, experiment)
        note_shortage(tmp_path, error)
        assert take_up(tmp_path, experiment) is None
    assert with_less_at_once(experiment, tmp_path) == experiment


def test_a_cause_counts_as_well(tmp_path: Path) -> None:
    error = ValueError("a worker failed")
    error.__cause__ = refusal()
    note_shortage(tmp_path, error)
    assert read_json(tmp_path / "shortage.json") == {"short": "training"}


def test_a_wordless_death_is_put_down_to_the_kernel_only_where_it_killed(tmp_path: Path) -> None:
    experiment = experiment_of()
    take_up(tmp_path, experiment)
    began = read_json(tmp_path / "attempt.json")
    assert began is not None
    assert take_up(tmp_path, experiment) is None
    assert not (tmp_path / "shortage.json").exists()
    # As the file would be had the kernel killed for memory since: its count cannot be turned back.
    write_json(tmp_path / "attempt.json", {**began, "oom_kills": began["oom_kills"] - 1})
    take_up(tmp_path, experiment)
    assert with_less_at_once(experiment, tmp_path).update.accumulate == 2
    write_json(tmp_path / "attempt.json", {"boot": "another machine", "oom_kills": -9})
    assert take_up(tmp_path, experiment) is None


def test_what_has_ended_is_not_blamed_for_a_later_death(tmp_path: Path) -> None:
    experiment = experiment_of(scaling={"out_of_memory": "fail"})
    take_up(tmp_path, experiment)
    began = read_json(tmp_path / "attempt.json")
    assert began is not None
    write_json(tmp_path / "report.json", {"metrics": {"erasure": 0.9}})
    write_json(tmp_path / "attempt.json", {**began, "oom_kills": began["oom_kills"] - 1})
    assert take_up(tmp_path, experiment) is None
    ended = Outcome.read(tmp_path)
    assert ended is not None
    assert ended.metrics == {"erasure": 0.9}


def test_a_last_training_that_cannot_do_with_less_has_failed_too(tmp_path: Path) -> None:
    folder = put_trial(tmp_path / "seed-101", smoke_space())
    write_json(folder / "shortage.json", {"short": "training", "halved": ["training"]})
    _train_and_judge(folder, tmp_path / "cache", 1, FinalConfig(seeds=(101,)))
    outcome = Outcome.read(folder)
    assert outcome is not None
    assert "out of memory while training" in str(outcome.reason)
