"""Experiments and comparisons that cannot be: one message, exit code 2, nothing left behind.

`train` into a folder that is taken and `compare` of an unknown target refuse valid files too,
before anything is loaded or written: a mutant that happens to be valid costs no more than others.

A heavier search, for hours if need be: `FUZZ_EXAMPLES=20000 pytest -m fuzz tests/cli`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pipeline.search.comparison  # noqa: F401 - seconds of imports, which no file is to blame for
from pipeline.config.plain_yaml import MAX_BYTES, load_yaml
from tests.cli.command import ROOT, SMOKE
from tests.cli.in_process import Told, assert_refused, tell, tree_of
from tests.cli.mutants import ANYTHING, KEYS, mutated_trees, spliced_texts

SPACES = sorted((ROOT / "search_spaces").rglob("*.yaml"))
EXPERIMENTS = [path for path in SPACES if path.parent.name != "comparisons"]
SPACE_TEXTS = [path.read_bytes() for path in EXPERIMENTS]
SPACE_TREES = [load_yaml(text.decode()) for text in SPACE_TEXTS]
COMPARISON = ROOT / "search_spaces" / "comparisons" / "ablations_anchor.yaml"
COMPARISON_TEXT = COMPARISON.read_bytes()

HEAVY = int(os.environ.get("FUZZ_EXAMPLES", "500"))
few = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
many = settings(max_examples=HEAVY, deadline=None, suppress_health_check=list(HealthCheck))


def home() -> Path:
    """This test's own folder; `UNLEARN_HOME` says which."""
    return Path(os.environ["UNLEARN_HOME"])


def refused(file: Path, content: bytes, *command: object) -> Told:
    """What is said to a file of this content, which must be one message and change nothing."""
    file.write_bytes(content)
    before = tree_of(home())
    told = tell(*command)
    assert_refused(told)
    assert len(told.err) < 30_000
    assert tree_of(home()) == before
    return told


def trained(content: bytes) -> Told:
    """What `train` says to an experiment, whose result would have no place."""
    taken = home() / "taken"
    taken.mkdir(exist_ok=True)
    (taken / "something").touch()
    file = home() / "space.yaml"
    return refused(file, content, "train", file, "--out", taken)


def compared(content: bytes) -> Told:
    """What `compare` says to a comparison, of a target that it does not have."""
    folder = home() / "search_spaces"
    if not folder.exists():
        shutil.copytree(ROOT / "search_spaces", folder)
    file = folder / "comparisons" / "mutant.yaml"
    return refused(file, content, "compare", file, "--target", "no-such-target")


@given(mutated_trees(SPACE_TREES))
@few
def test_mutants_of_experiments(content: bytes) -> None:
    trained(content)


@given(spliced_texts(SPACE_TEXTS))
@few
def test_spliced_experiments(content: bytes) -> None:
    trained(content)


@given(mutated_trees([load_yaml(COMPARISON_TEXT.decode())]))
@settings(few, max_examples=40)
def test_mutants_of_comparisons(content: bytes) -> None:
    compared(content)


@given(spliced_texts([COMPARISON_TEXT]))
@settings(few, max_examples=30)
def test_spliced_comparisons(content: bytes) -> None:
    compared(content)


@given(st.sampled_from(["", "update.", "concept.", "model.base."]), KEYS, ANYTHING)
@settings(few, max_examples=40)
def test_mutants_of_overrides(section: str, key: str, value: object) -> None:
    changes = f"{section}{key}={value!r}".replace("\0", "").encode("utf-8", "replace").decode()
    taken = home() / "taken"
    taken.mkdir(exist_ok=True)
    (taken / "something").touch()
    before = tree_of(home())
    assert_refused(tell("train", SMOKE, "--out", taken, "--set", changes))
    assert tree_of(home()) == before


@pytest.mark.fuzz
@pytest.mark.timeout(0)
@given(mutated_trees(SPACE_TREES) | spliced_texts(SPACE_TEXTS))
@many
def test_many_experiments(content: bytes) -> None:
    trained(content)


@pytest.mark.fuzz
@pytest.mark.timeout(0)
@given(mutated_trees([load_yaml(COMPARISON_TEXT.decode())]) | spliced_texts([COMPARISON_TEXT]))
@settings(many, max_examples=max(1, HEAVY // 10))
def test_many_comparisons(content: bytes) -> None:
    compared(content)


@pytest.mark.fuzz
@pytest.mark.timeout(0)
@given(mutated_trees(SPACE_TREES))
@settings(many, max_examples=max(1, HEAVY // 10))
def test_many_plans(content: bytes) -> None:
    """A valid mutant is planned: its prompts are written and its model is looked at."""
    file = home() / "space.yaml"
    file.write_bytes(content)
    before = tree_of(home())
    told = tell("plan", file)
    assert told.code == 0 or (told.code == 2 and told.err.count("error: ") == 1), told.err
    assert told.seconds < 60
    assert tree_of(home()) == before


HEAD = "name: a\nconcept: {kind: object, forget: [sneaker]}\n"
HUGE = "9" * 400

TEXTS: dict[str, tuple[bytes | str, str]] = {
    "nothing": ("", "expected a mapping of settings"),
    "a list": ("[1]", "expected a mapping of settings"),
    "a cycle of anchors": (f"{HEAD}x: &a [*a]", "line 3, column 8: expected the value itself"),
    "a bomb of aliases": (
        "a: &a [x, x]\n"
        + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "line 2, column 8: expected the value itself",
    ),
    "a merge key": (f"{HEAD}<<: {{seed: 1}}", "line 3, column 1"),
    "a tag that runs code": (f"{HEAD}x: !!python/object/apply:os.system [id]", "got the tag"),
    "a key twice": (f"{HEAD}name: b", "line 3, column 1: expected each key once"),
    "two documents": (f"{HEAD}---\n{HEAD}", "line 3, column 1"),
    "a tab": ("name: a\nconcept:\n\tkind: object\n", "indent by spaces"),
    "a NUL byte": (f"{HEAD}x: \0", "line 3, column 4: expected text, got the control"),
    "an escaped NUL": (f'{HEAD}model: {{base: "a\\0b"}}', "model.base: expected text without"),
    "half a character": (f'{HEAD}model: {{base: "\\ud800"}}', "model.base: expected text without"),
    "UTF-16": (HEAD.encode("utf-16"), "line 1: expected UTF-8 text, got other bytes"),
    "UTF-16 without a mark": (HEAD.encode("utf-16-le"), "line 1, column 2"),
    "Latin-1": (f"{HEAD}x: é".encode("latin-1"), "line 3: expected UTF-8 text"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "expected UTF-8 text"),
    "ten megabytes": (b"a: 1\n" * 2_000_000, f"at most {MAX_BYTES} bytes"),
    "very many values": (f"{HEAD}x: [{'1, ' * 100_000}]", "at most 20000 keys and values"),
    "deep brackets": (f"{HEAD}x: {'[' * 5000}", "at most 32 levels of nesting"),
    "deep sections": (
        HEAD + "".join(" " * depth + "a:\n" for depth in range(600)),
        "at most 32 levels of nesting",
    ),
    "very many options": (
        f"{HEAD}update: {{learning_rate: {{choice: {list(range(1, 9001))}}}}}",
        "at most 500 bounds, options and names together, got 9000",
    ),
    "very many unknown keys": (
        HEAD + "".join(f"key{number}: 1\n" for number in range(5000)),
        "4951 more problems",
    ),
    "a huge bound": (
        f"{HEAD}update: {{learning_rate: {{uniform: [0, {HUGE}]}}}}",
        "expected two finite numbers",
    ),
    "a huge number": (f"{HEAD}seed: {HUGE}", "seed: expected a number below"),
    "a number of 5000 digits": (f"{HEAD}seed: {'9' * 5000}", "a number of thousands of digits"),
    "infinity": (f"{HEAD}update: {{learning_rate: .inf}}", "expected a finite number, got .inf"),
    "no number": (f"{HEAD}update: {{learning_rate: .nan}}", "expected a finite number, got .nan"),
    "a pattern of brackets": (
        f"{HEAD}model: {{pattern: '{'(' * 3000}{')' * 3000}'}}",
        "model.pattern: expected a regular expression",
    ),
    "a name with a path": (HEAD.replace("name: a", "name: ../a"), "name: expected 1 to 64 of"),
    "a long name of a model": (f"{HEAD}model: {{base: {'a' * 5000}}}", "file name too long"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_experiment(name: str) -> None:
    text, named = TEXTS[name]
    told = trained(text if isinstance(text, bytes) else text.encode())
    assert named in told.err
    assert told.seconds < 5


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("name: ablations-anchor", "name: ../elsewhere", "name: expected 1 to 64 of"),
        ("  sneaker:", "  ../sneaker:", "targets"),
        ("  weighted-sum:", "  ../sum:", "methods"),
        ("../methods/ablation_anchor.yaml", "/dev/zero", "at most"),
        ("../methods/ablation_anchor.yaml", "../methods", "is a directory"),
        ("update.restriction: none", "update.restriction.a.b.c: none", "update.restriction"),
        ("update.restriction: none", "'': none", "methods.weighted-sum"),
    ],
)
def test_what_is_no_comparison(old: str, new: str, named: str) -> None:
    text = COMPARISON_TEXT.decode()
    assert old in text
    told = compared(text.replace(old, new).encode())
    assert named in told.err


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    assert_refused(tell("train", "/dev/zero"), "/dev/zero: expected a file of at most")


def test_a_mark_at_the_beginning_is_no_mistake() -> None:
    told = trained("\ufeff".encode() + HEAD.encode())
    assert "expected a new or an empty folder" in told.err
