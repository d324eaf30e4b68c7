"""Help is there and quick; users' mistakes are one message and exit code 2."""

from __future__ import annotations

import gzip
import importlib
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from pipeline import __version__
from tests.cli.command import ROOT, SMOKE, Unlearn

VERBS = (
    ["sweep"],
    ["resume"],
    ["train"],
    ["evaluate"],
    ["pareto"],
    ["promote"],
    ["generate"],
    ["compare"],
    ["expand"],
    ["crown"],
    ["rollback"],
    ["history"],
    ["verify"],
    ["export"],
    ["reproduce"],
    ["canvas"],
    ["canvas", "build"],
)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_help(unlearn: Unlearn, verb: list[str]) -> None:
    told = unlearn(*verb, "--help")
    assert told.returncode == 0
    assert "Usage: unlearn " + " ".join(verb) in told.stdout
    assert not told.stderr


def test_help_names_every_verb(unlearn: Unlearn) -> None:
    told = unlearn("--help")
    assert told.returncode == 0
    for verb, *_ in VERBS:
        assert f" {verb} " in told.stdout


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom pipeline.cli.app import main\n"
        "try:\n    main(['train', '--help'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'ray', 'mlflow', 'optuna', 'diffusers', 'transformers', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.rstrip().endswith("[]")


def test_the_version_is_the_package_s(unlearn: Unlearn) -> None:
    assert unlearn("--version").stdout.strip() == __version__


def test_the_console_script_is_the_module_s_main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["unlearn"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_no_verb_shows_the_help(unlearn: Unlearn) -> None:
    told = unlearn()
    assert told.returncode == 2
    assert "Usage: unlearn" in told.stdout + told.stderr


MISTAKES = {
    "unknown verb": (["swep"], "swep"),
    "unknown option": (["sweep", SMOKE, "--trails", 3], "--trails"),
    "no file": (["sweep"], "FILE"),
    "missing file": (["sweep", "nowhere.yaml"], "nowhere.yaml"),
    "a folder as file": (["sweep", "/"], "a readable YAML file"),
    "no trials": (["sweep", SMOKE, "--trials", 0], "--trials"),
    "no number": (["sweep", SMOKE, "--trials", "many"], "--trials"),
    "name with a path": (["sweep", SMOKE, "--name", "../elsewhere"], "../elsewhere"),
    "absolute name": (["sweep", SMOKE, "--name", "/tmp/x"], "/tmp/x"),  # noqa: S108
    "name of dots": (["sweep", SMOKE, "--name", ".."], "'..'"),
    "name in capitals": (["sweep", SMOKE, "--name", "Demo"], "'Demo'"),
    "override without value": (["sweep", SMOKE, "--set", "update.steps"], "update.steps"),
    "override of nothing": (["sweep", SMOKE, "--set", "update.stepps=3"], "update.stepps"),
    "override of a wrong kind": (["sweep", SMOKE, "--set", "update.steps=few"], "update.steps"),
    "home that is a file": (["sweep", SMOKE, "--home", SMOKE], "expected a folder"),
    "resume of nothing": (["resume", "nothing"], "found none"),
    "resume elsewhere": (["resume", "../../etc"], "../../etc"),
    "front of nothing": (["pareto", "nothing"], "found none"),
    "front elsewhere": (["pareto", "a/b"], "'a/b'"),
    "promotion of nothing": (["promote", "nothing"], "found none"),
    "bound without value": (["promote", "nothing", "--at-least", "ua"], "METRIC=VALUE"),
    "bound that is no number": (["promote", "nothing", "--at-least", "ua=x"], "METRIC=VALUE"),
    "bound given twice": (
        ["promote", "nothing", "--at-least", "ua=1", "--at-least", "ua=0"],
        "one bound for ua",
    ),
    "train nothing": (["train"], "expected an experiment FILE"),
    "train a search space": (["train", SMOKE], "a distribution"),
    "a trial of no sweep": (["train", SMOKE, "--trial", 1], "--sweep"),
    "a trial of a missing sweep": (["train", "--sweep", "no", "--trial", 1], "found none"),
    "evaluate a missing sweep": (["evaluate", "nothing/3"], "found none"),
    "evaluate without concept": (["evaluate", "fashion-canvas"], "--experiment"),
    "evaluate a missing folder": (["evaluate", "./nowhere"], "./nowhere"),
    "evaluate by a third judge": (["evaluate", "fashion-canvas", "--judge", "third"], "third"),
    "generate nothing": (["generate", "fashion-canvas"], "PROMPT"),
    "generate by a missing model": (["generate", "./nowhere", "a bag"], "./nowhere"),
    "generate into no picture": (["generate", "fashion-canvas", "a", "--out", "x.txt"], ".png"),
    "generate in no steps": (["generate", "fashion-canvas", "a", "--steps", 0], "--steps"),
    "compare nothing": (["compare"], "FILE"),
    "compare a missing file": (["compare", "nowhere.yaml"], "nowhere.yaml"),
    "compare a search space": (["compare", SMOKE], "methods: expected a value"),
    "canvas without photographs": (["canvas", "build", "--photographs", "no"], "there is no"),
    "canvas of an unknown stage": (["canvas", "build", "--only", "paint"], "paint"),
}


@pytest.mark.parametrize(("arguments", "named"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_message_and_exit_code_2(
    unlearn: Unlearn, arguments: list[object], named: str
) -> None:
    told = unlearn(*arguments)
    assert told.returncode == 2, told.stderr
    assert named in told.stderr
    assert "Traceback" not in told.stderr
    assert told.stderr.lower().count("error") <= 1 or "╭" in told.stderr


def test_every_problem_of_a_file_is_named_at_once(unlearn: Unlearn, tmp_path: Path) -> None:
    space = tmp_path / "broken.yaml"
    space.write_text(
        "name: broken\nconcept: {kind: object, forget: [sneaker]}\n"
        "update: {learning_rate: -1, stepps: 3}\nbudget: {trials: 0}\n"
    )
    told = unlearn("sweep", space)
    assert told.returncode == 2
    for path in ("update.learning_rate", "update.stepps", "budget.trials"):
        assert path in told.stderr


def test_a_mistake_leaves_nothing_behind(unlearn: Unlearn, tmp_path: Path) -> None:
    unlearn("sweep", SMOKE, "--set", "update.steps=few")
    unlearn("pareto", "nothing")
    unlearn("train", SMOKE)
    assert not list(tmp_path.iterdir())


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(tmp_path: Path) -> None:
    """The build reads photographs for seconds before its first stage ends."""
    photographs = write_photographs(tmp_path / "photographs", 60_000)
    build = ["canvas", "build", "--work", "work", "--only", "data", "--photographs", photographs]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *build],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "work").is_dir() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "goes on from here" in said
    assert "Traceback" not in said


def write_photographs(folder: Path, count: int) -> str:
    """Black pictures of every label in turn, in Fashion-MNIST's files."""
    folder.mkdir()
    for stem in ("train", "t10k"):
        labels = bytes(range(10)) * (count // 10)
        for name, header, content in (
            (f"{stem}-images-idx3-ubyte.gz", 16, bytes(28 * 28 * count)),
            (f"{stem}-labels-idx1-ubyte.gz", 8, labels),
        ):
            with gzip.open(folder / name, "wb", compresslevel=1) as file:
                file.write(b"\x00\x00\x08".ljust(header, b"\x00") + content)
    return str(folder)
