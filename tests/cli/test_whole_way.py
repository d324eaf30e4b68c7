"""The way of a newcomer: a sweep, its front, a promoted model, pictures; every verb for real."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.evaluation import Report
from pipeline.search.records import read_sweep
from tests.cli.command import ROOT, SMOKE, environment_of, run_unlearn

# A name that YAML would read as a number: `--name` must not be read as YAML.
NAME = "007"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a finished sweep."""
    folder = tmp_path_factory.mktemp("home")
    told = run_unlearn(folder, "sweep", SMOKE, "--name", NAME, "--trials", 3)
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"unlearn pareto {NAME}" in told.stdout
    return folder


@pytest.fixture(scope="module")
def champion(home: Path) -> Path:
    """The folder of its promoted model."""
    told = run_unlearn(home, "promote", NAME, "--at-least", "erasure=0.01")
    assert told.returncode == 0, told.stderr
    assert "champion" in told.stdout
    return Path(told.stdout.split()[-1])


def test_the_sweep_has_the_trials_that_were_asked_for(home: Path) -> None:
    record = read_sweep(home / "sweeps" / NAME)
    assert record.status == "finished"
    assert [trial.state for trial in record.trials] == ["complete"] * 3


def test_a_sweep_is_not_begun_twice(home: Path) -> None:
    told = run_unlearn(home, "sweep", SMOKE, "--name", NAME)
    assert told.returncode == 2
    assert f"unlearn resume {NAME}" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_finished_sweep_resumes_to_nothing(home: Path) -> None:
    before = (home / "sweeps" / NAME / "study.log").read_bytes()
    told = run_unlearn(home, "resume", NAME)
    assert told.returncode == 0
    assert "all 3 trials have ended" in told.stdout
    assert (home / "sweeps" / NAME / "study.log").read_bytes() == before


def test_the_front_is_shown_and_drawn(home: Path) -> None:
    told = run_unlearn(home, "pareto", NAME)
    assert told.returncode == 0, told.stderr
    folder = home / "sweeps" / NAME
    assert f"{folder / 'pareto.html'}" in told.stdout.split()
    assert "plotly" in (folder / "pareto.html").read_text().lower()
    with Image.open(folder / "pareto.png") as picture:
        assert min(picture.size) > 300
    record = read_sweep(folder)
    best = max(trial.metrics["erasure"] for trial in record.trials)
    assert f"{best:.3f}" in told.stdout
    assert "base" in told.stdout


def test_nothing_to_promote_is_exit_code_1_with_the_nearest_misses(home: Path) -> None:
    told = run_unlearn(home, "promote", NAME, "--at-least", "ua=1.5")
    assert told.returncode == 1
    assert "nearest misses: trial" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_bound_on_no_metric_is_a_mistake(home: Path) -> None:
    told = run_unlearn(home, "promote", NAME, "--at-least", "ereasure=0.5")
    assert told.returncode == 2
    assert "ereasure" in told.stderr


def test_a_missing_trial_is_a_mistake(home: Path) -> None:
    for arguments in (["promote", NAME, "--trial", 99], ["evaluate", f"{NAME}/99"]):
        told = run_unlearn(home, *arguments)
        assert told.returncode == 2, told.stderr
        assert "99" in told.stderr


def test_the_promoted_folder_is_complete(champion: Path) -> None:
    assert (champion / "model_index.json").is_file()
    assert (champion / "manifest.json").is_file()
    assert Report.load(champion / "report.json").judge.classifier.name == "second-classifier"


def test_a_champion_draws_the_same_pictures_by_name_and_by_folder(
    home: Path, champion: Path
) -> None:
    drawn = []
    for model in (f"{NAME}/champion", champion):
        arguments = ["--steps", 3, "--seed", 5, "--images", 2, "--out", "drawn.png"]
        told = run_unlearn(home, "generate", model, "a photo of a bag", *arguments)
        assert told.returncode == 0, told.stderr
        with Image.open(home / "drawn.png") as picture:
            drawn.append(np.asarray(picture))
    assert np.array_equal(drawn[0], drawn[1])


def test_a_trial_is_drawn_beside_the_base(home: Path) -> None:
    arguments = ["a photo of a bag", "a bag", "--steps", 2, "--out", "beside.png"]
    told = run_unlearn(home, "generate", f"{NAME}/1", *arguments, "--beside", "fashion-canvas")
    assert told.returncode == 0, told.stderr
    with Image.open(home / "beside.png") as picture:
        assert picture.width > 4 * 128  # two pairs side by side


def test_training_a_trial_again_gives_its_very_weights(home: Path) -> None:
    told = run_unlearn(home, "train", "--sweep", NAME, "--trial", 1, "--out", "again")
    assert told.returncode == 0, told.stderr
    trial = home / "sweeps" / NAME / "trials" / "0001"
    weights = "weights.safetensors"
    assert (home / "again" / weights).read_bytes() == (trial / weights).read_bytes()
    first, again = Report.load(trial / "report.json"), Report.load(home / "again" / "report.json")
    assert first.metrics == again.metrics
    other = run_unlearn(home, "train", "--sweep", NAME, "--trial", 0, "--out", "again")
    assert other.returncode == 2
    assert "another experiment" in other.stderr


def test_judging_a_trial_again_gives_its_very_report(home: Path) -> None:
    told = run_unlearn(home, "evaluate", f"{NAME}/2", "--out", "judged")
    assert told.returncode == 0, told.stderr
    trial = Report.load(home / "sweeps" / NAME / "trials" / "0002" / "report.json")
    assert Report.load(home / "judged" / "report.json").metrics == trial.metrics
    assert f"{trial.metrics['erasure']:.3f}" in told.stdout


@pytest.mark.long
@pytest.mark.timeout(600)
def test_ctrl_c_leaves_a_sweep_that_resumes(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*(sys.executable, "-m", "pipeline", "sweep", str(SMOKE)), "--set", "update.steps=60"],
        cwd=tmp_path,
        env=environment_of(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell's Ctrl-C reaches the whole group, and no more than that.
        start_new_session=True,
    )
    folder = tmp_path / "sweeps" / "smoke"
    try:
        deadline = time.monotonic() + 200
        while not list(folder.glob("trials/*/telemetry.jsonl")) and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "unlearn resume smoke" in said
    assert "Traceback" not in said
    assert json.loads((folder / "sweep.json").read_text())["status"] == "interrupted"
    told = run_unlearn(tmp_path, "resume", "smoke")
    assert told.returncode == 0, told.stdout + told.stderr
    assert [trial.state for trial in read_sweep(folder).trials] == ["complete"] * 2


def test_the_demo_s_own_commands_exist(tmp_path: Path) -> None:
    """`make demo` is checked as far as a minute allows: every verb and option it uses is there."""
    told = subprocess.run(
        ["make", "--dry-run", "demo", "VENV=nowhere", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for words in (
        "unlearn sweep search_spaces/demo.yaml --name demo",
        "unlearn promote demo",
        "unlearn generate demo/champion",
    ):
        assert words in told
    # The gate stands in the file.
    assert "gate:" in (ROOT / "search_spaces" / "demo.yaml").read_text()
    for verb, options in re.findall(r"unlearn (\w+)((?:[^;\n]|\\\n)*)", told):
        shown = run_unlearn(tmp_path, verb, "--help").stdout
        for option in set(re.findall(r"--[a-z-]+", options)):
            assert option in shown, (verb, option)
