import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ConfigError
from pipeline.prompts import OwnPrompt, read_prompts
from pipeline.prompts.own_prompt import MAX_CHARACTERS


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_text_has_one_prompt_a_line(tmp_path: Path) -> None:
    path = written(tmp_path, "own.txt", "\ufeffa sneaker\r\n\n# not this\n  on grass  \nlast")
    assert read_prompts(path) == (
        OwnPrompt("a sneaker", 1),
        OwnPrompt("on grass", 4),
        OwnPrompt("last", 5),
    )


def test_jsonl_has_one_object_a_line(tmp_path: Path) -> None:
    lines = [
        '{"prompt": "a sneaker"}',
        "",
        '{"prompt": "Schuhe, größer", "anchor": "a bag", "seed": 3, "labels": {"object": "bag"}}',
    ]
    assert read_prompts(written(tmp_path, "own.JSONL", "\n".join(lines))) == (
        OwnPrompt("a sneaker", 1),
        OwnPrompt("Schuhe, größer", 3, "a bag", 3, {"object": "bag"}),
    )


@pytest.mark.parametrize(
    "line",
    [
        "a sneaker",
        "[1]",
        "3",
        "{}",
        '{"prompt": 3}',
        '{"prompt": ""}',
        '{"prompt": "  "}',
        '{"prompt": "a\\nb"}',
        '{"prompt": "a\\u001b[2J"}',
        '{"prompt": "a", "anchor": 3}',
        '{"prompt": "a", "seed": -1}',
        '{"prompt": "a", "seed": true}',
        '{"prompt": "a", "seed": 1.5}',
        '{"prompt": "a", "labels": ["bag"]}',
        '{"prompt": "a", "labels": {"object": 3}}',
        '{"prompt": "a", "promt": "b"}',
        '{"prompt": "a"',
        "[" * 100_000,
        json.dumps({"prompt": "a" * (MAX_CHARACTERS + 1)}),
    ],
    ids=lambda line: line[:40],
)
def test_a_bad_line_is_named_by_file_and_number(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, "own.jsonl", f'{{"prompt": "good"}}\n\n{line}\n{{"prompt": "good"}}')
    with pytest.raises(ConfigError) as caught:
        read_prompts(path)
    assert [problem.path for problem in caught.value.problems] == [f"{path}, line 3"]
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_all_bad_lines_are_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "own.txt", b"good\n\xff\xfe\ngood\n" + b"a" * (MAX_CHARACTERS + 1))
    with pytest.raises(ConfigError) as caught:
        read_prompts(path)
    named = [problem.path.rpartition(" ")[2] for problem in caught.value.problems]
    assert named == ["2", "4"]


def test_a_mistyped_key_gets_a_suggestion(tmp_path: Path) -> None:
    path = written(tmp_path, "own.jsonl", '{"prompt": "a", "ancor": "b"}')
    with pytest.raises(ConfigError, match="did you mean anchor"):
        read_prompts(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("own.csv", "a"), ("own", "a"), ("own.txt", "# nothing\n\n"), ("own.jsonl", "")],
)
def test_files_of_another_kind_or_without_prompts_are_refused(
    tmp_path: Path, name: str, content: str
) -> None:
    with pytest.raises(ConfigError, match="expected"):
        read_prompts(written(tmp_path, name, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.txt"):
        read_prompts(tmp_path / "none.txt")


@given(
    prompts=st.lists(
        st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=30),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=50, deadline=None)
def test_what_is_written_as_jsonl_is_read(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[str]
) -> None:
    lines = "\n".join(json.dumps({"prompt": prompt}, ensure_ascii=False) for prompt in prompts)
    path = written(tmp_path_factory.getbasetemp(), "written.jsonl", lines)
    assert [prompt.text for prompt in read_prompts(path)] == prompts
    assert [prompt.line for prompt in read_prompts(path)] == list(range(1, len(prompts) + 1))
