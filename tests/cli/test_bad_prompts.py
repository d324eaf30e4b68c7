"""Files of prompts and of words that cannot be: one message with the line, exit code 2.

`plan` reads them before it looks for a model, and the model it would look for is not there: valid
files are refused, too, and cost nothing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config.plain_yaml import load_yaml
from tests.cli.command import ROOT
from tests.cli.in_process import Told, assert_refused, tell, tree_of
from tests.cli.mutants import mutated_trees, spliced_texts

VOCABULARIES = [
    path.read_bytes() for path in sorted((ROOT / "pipeline/prompts/vocabularies").glob("*.yaml"))
]
SPACE = (
    "name: a\nmodel: {{base: ./nowhere}}\nconcept: {{kind: object, forget: [sneaker]}}\n"
    "prompts: {{{key}: {file}}}\n"
)
FILES = ("forget_file", "retain_file", "test_forget_file", "test_retain_file")
GOOD: dict[str, list[bytes]] = {
    ".txt": [b"# mine\na sneaker on grass\n\nA pair of sneakers, red\n"],
    ".jsonl": [
        b'{"prompt": "a sneaker", "seed": 7, "labels": {"object": "sneaker"}}\n{"prompt": "b"}\n',
        b'{"prompt": "shoes", "anchor": "a bag", "guidance": 3.5}\n',
    ],
    ".csv": [b'prompt,sd_seed,categories\n"a sneaker, red",42.0,"hate, shocking"\nshoes,,\n'],
}
few = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def planned(key: str, name: str, content: bytes) -> Told:
    """What `plan` says to an experiment with a file of this content."""
    home = Path(os.environ["UNLEARN_HOME"])
    (home / name).write_bytes(content)
    space = home / "space.yaml"
    space.write_text(SPACE.format(key=key, file=name))
    before = tree_of(home)
    told = tell("plan", space)
    assert_refused(told, seconds=20)
    assert len(told.err) < 30_000
    assert tree_of(home) == before
    return told


TEXTS: dict[str, tuple[str, bytes, str]] = {
    "nothing": ("a.txt", b"", "expected at least one prompt, got none"),
    "blank lines": ("a.txt", b"\n \n#\n", "expected at least one prompt, got none"),
    "UTF-16": ("a.txt", "a sneaker\n".encode("utf-16"), "line 1: expected UTF-8 text"),
    "Latin-1": ("a.txt", "a\na café\n".encode("latin-1"), "line 2: expected UTF-8 text"),
    "a NUL byte": ("a.txt", b"a\na\0b\n", "line 2: expected a prompt that can be printed"),
    "an escape": ("a.txt", b"\x1b[31ma\n", "line 1: expected a prompt that can be printed"),
    "a million lines": ("a.txt", b"a bag\n" * 1_000_000, "expected at most 100000 prompts"),
    "a million bad lines": ("a.txt", b"\0\n" * 1_000_000, "999951 more bad ones"),
    "one long line": ("a.txt", b"a" * 10**7, "line 1: expected at most 2000 characters"),
    "twenty-one megabytes": ("a.txt", b"a" * 21_000_000, "at most 20000000 bytes"),
    "no JSON": ("a.jsonl", b'{"prompt": "a"}\n{"prompt": \n', "line 2: expected a JSON object"),
    "JSON of brackets": ("a.jsonl", b"[" * 100_000, "line 1: expected a JSON object"),
    "JSON of a huge number": (
        "a.jsonl",
        b'{"prompt": "a", "seed": ' + b"9" * 5000 + b"}",
        "line 1: expected a JSON object",
    ),
    "JSON of no number": (
        "a.jsonl",
        b'{"prompt": "a", "guidance": NaN}',
        "line 1: expected a number from 0 to 1000",
    ),
    "JSON of half a character": (
        "a.jsonl",
        b'{"prompt": "a \\ud800"}',
        "line 1: expected text",
    ),
    "JSON of an unknown key": ("a.jsonl", b'{"prompt": "a", "promt": 1}', "line 1: expected known"),
    "a CSV without header": ("a.csv", b"a bag,1\n", 'expected a header with the column "prompt"'),
    "a CSV of UTF-16": ("a.csv", "prompt\na\n".encode("utf-16"), "line 1: expected UTF-8 text"),
    "a CSV of NULs": ("a.csv", b"prompt\na\0b\n", "line 2: expected"),
    "a CSV without end of quote": ("a.csv", b'prompt\n"a\n', "expected a row"),
    "a CSV of a field too many": ("a.csv", b"prompt\na,b\n", "line 2: expected 1 fields"),
    "a CSV of garbage": ("a.csv", bytes(range(256)) * 40, "line 1: expected"),
    "another ending": ("a.bin", b"a", "a file that ends in .txt, .jsonl or .csv"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_file_of_prompts(name: str) -> None:
    file, content, named = TEXTS[name]
    assert named in planned("retain_file", file, content).err


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("/dev/zero", "expected a file that ends in"),
        ("zero.csv", "expected a file of prompts, got a device or a pipe"),
        ("pipe.txt", "expected a file of prompts, got a device or a pipe"),
        ("circle.txt", "circle.txt"),
        ("space.yaml/own.txt", "expected a readable file of prompts"),
        ("none.txt", "expected a readable file of prompts"),
        (f"{'a' * 300}.txt", "name too long"),
    ],
)
def test_what_is_no_file_at_all(tmp_path: Path, file: str, named: str) -> None:
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "circle.txt").symlink_to("circle.txt")
    space = tmp_path / "space.yaml"
    space.write_text(SPACE.format(key="forget_file", file=file))
    assert_refused(tell("plan", space), named)


@pytest.mark.parametrize("ending", GOOD)
@given(st.data(), st.sampled_from(FILES))
@few
def test_spliced_prompts(ending: str, data: st.DataObject, key: str) -> None:
    planned(key, f"mine{ending}", data.draw(spliced_texts(GOOD[ending])))


@given(
    mutated_trees([load_yaml(text.decode()) for text in VOCABULARIES]) | spliced_texts(VOCABULARIES)
)
@few
def test_mutants_of_vocabularies(content: bytes) -> None:
    planned("vocabulary", "mine.yaml", content)


def test_a_vocabulary_of_too_many_words() -> None:
    words = ", ".join(f"word{number}" for number in range(30_000))
    told = planned("vocabulary", "mine.yaml", f"axes: {{object: [{words}]}}".encode())
    assert "expected at most 20000 keys and values" in told.err


def test_a_large_vocabulary_is_one() -> None:
    """A thousand classes, as ImageNet has, of which the model alone is not there."""
    words = [f"sneaker {number}" for number in range(1000)]
    tree = {
        "axes": {"object": ["sneaker", *words], "place": ["grass", "sand", "snow"]},
        "concept_axes": ["object"],
        "sentences": ["{a} {object} on {place}"],
        "neighbours": {word: words[place - 3 : place] for place, word in enumerate(words[3:], 3)},
    }
    told = planned("vocabulary", "mine.yaml", json.dumps(tree).encode())
    assert "there is no such folder" in told.err
