"""Comparisons: what begins, what is refused, how long it takes, and one real one that is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import Comparison, ConfigError, Pair, load_comparison, load_space
from pipeline.evaluation.by_prompt import values_by_prompt
from pipeline.evaluation.samples import load_samples
from pipeline.search.comparison import run_comparison
from pipeline.search.comparison_claim import begin, check_comparison, claim, selected
from pipeline.search.comparison_progress import announcement, announcement_again, time_left
from pipeline.search.comparison_record import (
    AgainRecord,
    PairRecord,
    final_of,
    read_comparison,
    searches_again,
    sweep_again_of,
    sweep_of,
)
from pipeline.search.files import write_json
from pipeline.search.finals import put_final
from pipeline.search.live import View
from pipeline.search.locking import FolderInUseError
from pipeline.search.records import read_sweep
from pipeline.unlearning.telemetry import read_telemetry
from tests.search.comparisons import (
    COMPARISON,
    comparison_file,
    comparison_in,
    other_trial,
    sweep_of_trials,
)

ROOT = Path(__file__).resolve().parents[2]
SEARCHED, FIXED = Pair("sneaker", "searched"), Pair("sneaker", "fixed")
PATIENCE = 400.0


class Nobody:
    """An audience that must not be told anything, as there is nothing to run."""

    def say(self, line: str) -> None:
        """See `Audience`."""
        raise AssertionError(line)

    def open_view(self) -> View:
        """See `Audience`."""
        raise AssertionError

    def sweep_changed(self, folder: Path) -> None:
        """See `Audience`."""
        raise AssertionError(folder)

    def sweep_ended(self, folder: Path) -> None:
        """See `Audience`."""
        raise AssertionError(folder)

    def pair_ended(self, pair: Pair) -> None:
        """See `Audience`."""
        raise AssertionError(pair)


def record(comparison: Comparison, folder: Path, pair: Pair) -> PairRecord:
    (found,) = [each for each in read_comparison(comparison, folder).pairs if each.pair == pair]
    return found


def test_words_that_no_vocabulary_has_are_refused_before_anything_runs(tmp_path: Path) -> None:
    text = COMPARISON.replace("forget: [sneaker]", "forget: [sneker]")
    with pytest.raises(ConfigError, match=r"did you mean sneaker\?") as caught:
        check_comparison(comparison_in(tmp_path, text))
    assert [problem.path for problem in caught.value.problems] == [
        "every method on every target: concept.forget.0"
    ]


def test_there_must_be_a_second_judge(tmp_path: Path) -> None:
    judge = ROOT / "pipeline" / "canvas" / "weights" / "classifier"
    text = f"{COMPARISON}same: {{evaluation: {{classifier: {judge}}}}}\n"
    with pytest.raises(ValueError, match="expected a second classifier that no search has used"):
        check_comparison(comparison_in(tmp_path, text))


def test_a_part_can_be_named(tmp_path: Path) -> None:
    comparison = comparison_in(tmp_path)
    assert selected(comparison, [], []) == [SEARCHED, FIXED]
    assert selected(comparison, ["sneaker"], ["fixed"]) == [FIXED]
    with pytest.raises(ValueError, match=r"--method: expected one of searched, fixed, got fix;"):
        selected(comparison, [], ["fix"])
    with pytest.raises(ValueError, match=r"--target: expected one of sneaker, got neon"):
        selected(comparison, ["neon"], [])


def test_methods_and_targets_may_be_added_and_nothing_else_changed(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    comparison = comparison_in(tmp_path)
    claim(comparison, folder)
    begin(comparison, folder, FIXED)
    claim(comparison, folder)
    added = COMPARISON.replace(
        "  fixed:", "  more: {file: method.yaml, set: {update.steps: 9}}\n  fixed:"
    ).replace("targets:", "targets:\n  neon: {kind: style, forget: [neon]}")
    claim(comparison_in(tmp_path, added), folder)
    scaled = f"{COMPARISON}same: {{budget: {{max_concurrent: 1}}, scaling: {{workers: 2}}}}\n"
    claim(comparison_in(tmp_path, scaled), folder)
    # What has not begun may still be mended.
    claim(comparison_in(tmp_path, COMPARISON.replace("searched: method.yaml", SLOWER)), folder)
    changed = f"{COMPARISON}same: {{update: {{steps: 9}}, budget: {{trials: 2}}}}\n"
    with pytest.raises(ValueError, match=r"sneaker-fixed: budget\.trials, update\.steps\n"):
        claim(comparison_in(tmp_path, changed), folder)
    judged = COMPARISON.replace("repeats: 2", "repeats: 3")
    with pytest.raises(ValueError, match="what is judged already could not be compared"):
        claim(comparison_in(tmp_path, judged), folder)
    claim(comparison_in(tmp_path, COMPARISON.replace("[101]", "[101, 102]")), folder)


SLOWER = "searched: {file: method.yaml, set: {update.steps: 9}}"


def test_there_is_nothing_to_report_before_it_has_begun(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a comparison that has begun"):
        read_comparison(comparison_in(tmp_path), tmp_path / "tiny")


def test_a_divergence_is_an_end_and_is_not_run_again(tmp_path: Path) -> None:
    comparison = comparison_in(tmp_path)
    folder = tmp_path / "tiny"
    claim(comparison, folder)
    place = final_of(folder, FIXED, 101)
    put_final(place, comparison.spaces[FIXED].fixed(), 101)
    assert load_space(place / "experiment.yaml").fixed().seed == 101
    assert not record(comparison, folder, FIXED).has_ended
    write_json(place / "failure.json", {"kind": "DivergedError", "message": "the loss is NaN"})
    fixed = record(comparison, folder, FIXED)
    assert fixed.has_ended
    assert fixed.runs_left == 0
    assert fixed.finals[0].failure == "DivergedError: the loss is NaN"
    assert fixed.finals[0].report is None
    assert run_comparison(comparison, folder, [FIXED], Nobody()) == {}


def test_the_time_left_is_that_of_the_trainings_left(tmp_path: Path) -> None:
    comparison = comparison_in(tmp_path, COMPARISON.replace("[101]", "[101, 102]"))
    folder = tmp_path / "tiny"
    claim(comparison, folder)
    fixed, searched = (record(comparison, folder, pair) for pair in (FIXED, SEARCHED))
    assert (fixed.runs_left, searched.runs_left) == (2, 3)
    assert time_left([fixed, searched], 5, 2) is None
    half = PairRecord(
        pair=SEARCHED,
        space=searched.space,
        sweep=sweep_of_trials(other_trial(0, "failed"), other_trial(1, "running")),
        chosen=None,
        finals=searched.finals,
    )
    # Its search has ended without a complete trial: there is nothing to judge.
    assert half.has_ended
    assert half.run_seconds == [10.0]
    assert time_left([fixed, half], fixed.runs_left + half.runs_left, 2) == pytest.approx(10.0)
    assert announcement(fixed, 2, 4, 3725.0) == (
        "sneaker, fixed (2 of 4): 2 training seeds; about 1 h 02 min left"
    )
    assert announcement(searched, 1, 4, None) == (
        "sneaker, searched (1 of 4): a search of 1 trials, then 2 training seeds"
    )


def test_searches_with_other_seeds_may_be_added_and_are_left_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    claim(comparison_in(tmp_path), folder)
    more = comparison_in(tmp_path, f"{COMPARISON}search_again: [4, 5]\n")
    claim(more, folder)
    searched, fixed = (record(more, folder, pair) for pair in (SEARCHED, FIXED))
    assert [each.seed for each in searched.again] == [4, 5]
    assert (searched.runs_left, fixed.runs_left) == (2, 1)
    assert (searched.runs_left_again, fixed.runs_left_again) == (2, 0)
    done = replace(searched.again[0], sweep=sweep_of_trials(other_trial(0, "failed")))
    half = replace(searched, sweep=done.sweep, again=(done, searched.again[1]))
    assert half.is_judged, "there is no trial to judge"
    assert not half.has_ended
    assert (half.runs_left, half.runs_left_again) == (0, 1)
    assert half.run_seconds == [10.0, 10.0]
    assert announcement_again(SEARCHED, half.again[1], 3725.0) == (
        "sneaker, searched: searched again with seed 5, 1 trials; about 1 h 02 min left"
    )
    assert replace(half, again=(done,)).has_ended

    other = replace(searched, pair=Pair("neon", "searched"))
    order = [(pair.target, each.seed) for pair, each in searches_again([half, other])]
    assert order == [("neon", 4), ("sneaker", 5), ("neon", 5)], "seed by seed"


RUNNER = """
import sys
from pathlib import Path
from rich.console import Console
from pipeline.config import load_comparison
from pipeline.search.comparison import run_comparison
from pipeline.search.live import PlainView

class Audience:
    def say(self, line): print(line, flush=True)
    def open_view(self): return PlainView(Console(file=sys.stdout))
    def sweep_changed(self, folder): print("changed", folder.name, flush=True)
    def sweep_ended(self, folder): print("swept", folder.name, flush=True)
    def pair_ended(self, pair): print("ended", pair.name, flush=True)

comparison = load_comparison(Path(sys.argv[1]))
pairs = list(comparison.spaces)
print("crashed:", run_comparison(comparison, Path(sys.argv[2]), pairs, Audience()))
"""


def start(file: Path, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-c", RUNNER, str(file), str(folder)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def stamps(folder: Path) -> dict[str, int]:
    """When the report of each trial and each last training was written."""
    found = folder.rglob("report.json")
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in found}


def mark(final: Path) -> None:
    """Change the telemetry's first line: a training that goes on keeps it, a new one doesn't."""
    path = final / "telemetry.jsonl"
    first, *rest = path.read_text().splitlines()
    marked = json.dumps({**json.loads(first), "marked": 1.0})
    path.write_text("".join(f"{line}\n" for line in (marked, *rest)))


@pytest.mark.timeout(900)
def test_a_comparison_goes_on_after_kill_9_and_nothing_is_run_twice(tmp_path: Path) -> None:
    file = comparison_file(tmp_path, f"{COMPARISON}search_again: [5]\n")
    comparison, folder = load_comparison(file), tmp_path / "tiny"
    final = final_of(folder, SEARCHED, 101)
    first = start(file, folder, tmp_path / "first.log")
    try:
        deadline = time.monotonic() + PATIENCE
        while not list((final / "checkpoints").glob("step-*")):
            told = (tmp_path / "first.log").read_text()
            assert first.poll() is None, told
            assert time.monotonic() < deadline, told
            time.sleep(0.05)
        with pytest.raises(FolderInUseError, match=f"process {first.pid} on"):
            run_comparison(comparison, folder, [FIXED], Nobody())
    finally:
        first.kill()
        first.wait()
    mark(final)
    before = stamps(folder)
    assert list(before) == ["sweeps/sneaker-searched/trials/0000/report.json"]

    second = start(file, folder, tmp_path / "second.log")
    try:
        assert second.wait(PATIENCE) == 0, (tmp_path / "second.log").read_text()
    finally:
        second.kill()
    told = (tmp_path / "second.log").read_text()
    assert "swept sneaker-searched\n" not in told, "the search had ended"
    assert "sneaker, searched: searched again with seed 5, 1 trials; about" in told
    assert told.index("ended sneaker-fixed") < told.index("swept sneaker-searched-seed-5")
    assert "sneaker, searched (1 of 2): a search of 1 trials, then 1 training seeds; about" in told
    assert "sneaker, fixed (2 of 2): 1 training seeds; about" in told
    assert "crashed: {}" in told

    after = stamps(folder)
    assert after.items() >= before.items(), "an ended trial was run again"
    assert set(after) == {
        *before,
        "finals/sneaker-searched/seed-101/report.json",
        "finals/sneaker-fixed/seed-101/report.json",
        "sweeps/sneaker-searched-seed-5/trials/0000/report.json",
    }
    assert "marked" in read_telemetry(final / "telemetry.jsonl")[0].values, "it was begun anew"
    check_results(comparison, folder)

    assert run_comparison(comparison, folder, list(comparison.spaces), Nobody()) == {}
    assert stamps(folder) == after


def check_results(comparison: Comparison, folder: Path) -> None:
    """The chosen settings were trained with the other seed and judged by the second judge."""
    whole = read_comparison(comparison, folder)
    assert all(pair.has_ended for pair in whole.pairs)
    searched, fixed = whole.pairs
    (first,) = read_sweep(sweep_of(folder, SEARCHED)).trials
    (again,) = read_sweep(sweep_again_of(folder, SEARCHED, 5)).trials
    assert first.params.keys() == again.params.keys()
    assert first.params != again.params, "the other seed drew the same"
    assert list(searched.again) == [
        AgainRecord(5, comparison.again[SEARCHED][5], sweep.folder, sweep)
        for sweep in searched.sweeps[1:]
    ]
    assert searched.chosen is not None
    assert (fixed.sweep, fixed.chosen) == (None, None)
    asked = load_space(searched.chosen.folder / "experiment.yaml").fixed()
    trained = load_space(searched.finals[0].folder / "experiment.yaml").fixed()
    assert trained == asked.model_copy(update={"seed": 101})
    for pair in whole.pairs:
        (final,) = pair.finals
        assert final.report is not None
        assert final.report.judge.classifier.name == "second-classifier"
        assert (final.report.sampling.seed, final.report.sampling.repeats) == (4242, 2)
        assert final.seconds["training"] > 0
        for name, values in values_by_prompt(final.report).items():
            assert values.mean() == pytest.approx(final.report.metrics[name]), name
        samples = load_samples(final.folder / "samples.safetensors")
        named = [question.names_concept for question in samples.questions]
        assert named == [True, True, False, False]
        assert samples.before.shape == samples.after.shape == (4, 3, 32, 32)
