"""What a person sees: the table's lines, the plain lines, and the time left."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.config import dump_experiment, dump_space
from pipeline.search.files import write_json
from pipeline.search.live import Clock, LiveView, PlainView, open_view, time_left
from pipeline.search.outcome import Outcome
from pipeline.search.records import SweepRecord, read_sweep
from pipeline.search.rung import RungReport
from pipeline.search.study import SweepStudy
from tests.search.spaces import smoke_space


@pytest.fixture
def sweep(tmp_path: Path) -> SweepRecord:
    """Two of four trials complete, one failed, one running at step 3."""
    space = smoke_space(update={"steps": 8})
    (tmp_path / "space.yaml").write_text(dump_space(space))
    write_json(tmp_path / "sweep.json", {"name": "smoke", "status": "running"})
    write_json(tmp_path / "base.json", {"metrics": {"erasure": 0.05, "alignment": 1.0}})
    study = SweepStudy(tmp_path, space)
    asked = [study.ask() for _ in range(4)]
    study.tell(0, Outcome({"erasure": 0.9, "alignment": 0.5}, None, 10.0))
    study.tell(1, Outcome({"erasure": 0.5, "alignment": 0.9}, None, 20.0))
    study.tell(2, Outcome({}, "DivergedError: NaN at step 7", 6.0))
    running = tmp_path / "trials" / "0003"
    running.mkdir(parents=True)
    (running / "telemetry.jsonl").write_text('{"step": 3, "forget_loss": 0.1}\n')
    (running / "experiment.yaml").write_text(dump_experiment(space.fill(asked[3].values)))
    return read_sweep(tmp_path)


def test_the_table_tells_which_trials_were_stopped_early(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(dump_space(smoke_space()))
    write_json(tmp_path / "sweep.json", {"name": "smoke", "status": "running"})
    study = SweepStudy(tmp_path, smoke_space())
    for number in range(2):
        study.ask()
        study.enter_rung(number, RungReport(0, 5 + number, {"erasure": 0.5, "alignment": 0.5}))
        study.prune(number, "worse than most")
    console, stream = terminal()
    view = open_view(console)
    view.show(read_sweep(tmp_path), 1)
    view.close(read_sweep(tmp_path))
    assert "trial 0 after step 5, 1 after step 6" in stream.getvalue()


def terminal() -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=True, width=100), stream


def test_the_table_tells_counts_bests_hypervolume_and_what_runs(sweep: SweepRecord) -> None:
    console, stream = terminal()
    view = open_view(console)
    assert isinstance(view, LiveView)
    view.prepare("judging the base model", 3, 32)
    view.show(sweep, 2)
    view.close(sweep)
    text = stream.getvalue()
    assert "2 of 4 trials complete, 1 running, 1 failed" in text
    assert "0.900 (trial 0, base 0.050)" in text
    assert "0.900 (trial 1, base 1.000)" in text
    # 0.9 x 0.5 + 0.5 x (0.9 - 0.5)
    assert "2 trials, hypervolume 0.650" in text
    assert "step 3 of 8" in text
    assert "unlearn resume smoke" in text


@pytest.mark.parametrize("losses", ['"retain_loss": 0.2', '"forget_loss": 0.1', '"cosine": 0.0'])
def test_a_running_trial_is_followed_whatever_losses_its_rule_looks_at(
    sweep: SweepRecord, losses: str
) -> None:
    (sweep.trials[3].folder / "telemetry.jsonl").write_text(f'{{"step": 5, {losses}}}\n')
    assert "step 5 of 8" in drawn(sweep)


def test_an_edit_without_steps_is_starting_until_it_is_judged(sweep: SweepRecord) -> None:
    (sweep.trials[3].folder / "telemetry.jsonl").unlink()
    assert "starting" in drawn(sweep)
    (sweep.trials[3].folder / "weights.safetensors").touch()
    assert "judging" in drawn(sweep)


def drawn(sweep: SweepRecord) -> str:
    """What a terminal shows."""
    console, stream = terminal()
    view = open_view(console)
    view.show(sweep, 2)
    view.close(None)
    return stream.getvalue()


def test_plain_lines_tell_every_change_once(sweep: SweepRecord) -> None:
    stream = io.StringIO()
    view = open_view(Console(file=stream, width=40))
    assert isinstance(view, PlainView)
    for done in range(5):
        view.prepare("judging the base model", done, 4)
    view.show(replace(sweep, trials=()), 2)
    view.show(sweep, 2)
    view.show(sweep, 2)
    lines = stream.getvalue().splitlines()
    assert lines[:2] == [
        "preparing: judging the base model, 0 of 4",
        "preparing: judging the base model, 4 of 4",
    ]
    assert [line.partition(" (")[0] for line in lines[2:]] == [
        "trial 0: erasure 0.900, alignment 0.500",
        "trial 1: erasure 0.500, alignment 0.900",
        "trial 2 failed: DivergedError: NaN at step 7",
        "trial 3 running",
    ]


def test_a_resumed_sweep_does_not_tell_its_past_line_by_line(sweep: SweepRecord) -> None:
    stream = io.StringIO()
    view = open_view(Console(file=stream))
    view.show(sweep, 2)
    assert stream.getvalue().splitlines() == [
        "going on after 2 of 4 trials complete, 1 running, 1 failed",
        "trial 3 running",
    ]


def test_a_sweep_that_failed_to_start_closes_quietly() -> None:
    console, stream = terminal()
    view = open_view(console)
    view.close(None)
    assert "resume" not in stream.getvalue()


def test_time_left_is_unknown_before_a_trial_ended_and_shrinks_with_concurrency(
    sweep: SweepRecord,
) -> None:
    clock = Clock()
    clock.see(sweep)
    # One trial is left, it has just begun, and the usual trial took 10 s.
    assert time_left(sweep, 2, clock) == pytest.approx(10, abs=0.5)
    unknown = SweepRecord(**{**vars(sweep), "trials": sweep.trials[3:]})
    assert time_left(unknown, 2, clock) is None
