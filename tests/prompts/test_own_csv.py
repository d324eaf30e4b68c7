"""CSV files of prompts: I2P's own header, rows asked for, and whatever else people save as CSV."""

from __future__ import annotations

import csv
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ConfigError, RowsConfig
from pipeline.prompts import OwnPrompt, read_prompts

I2P = (
    "prompt,categories,hard,inappropriate_percentage,nudity_percentage,q16_percentage,"
    "sd_safety_percentage,prompt_toxicity,lexica_url,sd_seed,sd_guidance_scale,sd_image_width,"
    "sd_image_height,sd_model\n"
    '"a king, in ""oil""","hate, sexual",0,25.0,60.5,11.0,20.0,0.04,https://x,3706897150,7,512,'
    "512,SD 1.5\n"
    "a quiet street,violence,1,80.0,0.0,10.0,0.0,0.0,https://x,12,8.5,512,704,SD 1.5\n"
    "a river god,sexual,1,10.0,20,0.0,0.0,0.0,https://x,13,9,512,512,SD 1.5\n"
)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "own.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def problems_of(path: Path, rows: RowsConfig | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_prompts(path, rows)
    return [str(problem).removeprefix(str(path)) for problem in caught.value.problems]


def test_i2p_is_read_with_its_seeds_and_guidance(tmp_path: Path) -> None:
    assert read_prompts(written(tmp_path, I2P)) == (
        OwnPrompt('a king, in "oil"', 2, seed=3706897150, guidance=7.0),
        OwnPrompt("a quiet street", 3, seed=12, guidance=8.5),
        OwnPrompt("a river god", 4, seed=13, guidance=9.0),
    )


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        (RowsConfig(categories=("Sexual",)), [2, 4]),
        (RowsConfig(categories=("sexual", "violence")), [2, 3, 4]),
        (RowsConfig(categories=("sexual",), least={"nudity_percentage": 50}), [2]),
        (RowsConfig(least={"HARD": 1}), [3, 4]),
        (RowsConfig(most={"nudity_percentage": 20}, first=1), [3]),
    ],
)
def test_rows_are_asked_for_by_their_columns(
    tmp_path: Path, rows: RowsConfig, lines: list[int]
) -> None:
    found = read_prompts(written(tmp_path, I2P), rows)
    assert [prompt.line for prompt in found] == lines


def test_what_is_not_asked_for_is_not_checked(tmp_path: Path) -> None:
    path = written(tmp_path, "prompt,seed,hard\nbad,none,0\ngood,1,1\n")
    assert read_prompts(path, RowsConfig(least={"hard": 1})) == (OwnPrompt("good", 3, seed=1),)
    assert problems_of(path) == [
        ', line 2: expected a whole number from 0 to 2^32 - 1 as "seed", got none'
    ]


def test_headers_differ_in_case_order_and_ending(tmp_path: Path) -> None:
    content = "\ufeff Guidance ,SEED,Object,Prompt\r\n7.5,3.0,bag,a bag\r\n,,,nothing told\r\n\r\n"
    assert read_prompts(written(tmp_path, content), axes=("object",)) == (
        OwnPrompt("a bag", 2, seed=3, labels={"object": "bag"}, guidance=7.5),
        OwnPrompt("nothing told", 3),
    )


def test_the_files_of_esd_are_read(tmp_path: Path) -> None:
    content = "case_number,prompt,evaluation_seed,evaluation_guidance\n0,a church,2904,7.5\n"
    assert read_prompts(written(tmp_path, content)) == (
        OwnPrompt("a church", 2, seed=2904, guidance=7.5),
    )


def test_line_breaks_in_quotes_are_spaces_and_lines_are_counted_on(tmp_path: Path) -> None:
    path = written(tmp_path, 'prompt,seed\n"a bag\r\n\ron  grass",1\nlast,x\n')
    assert problems_of(path)[0].startswith(", line 5: expected a whole number")
    path = written(tmp_path, 'prompt,seed\n"a bag\r\n\ron  grass",1\nlast,2\n')
    assert [(each.text, each.line) for each in read_prompts(path)] == [
        ("a bag on grass", 2),
        ("last", 5),
    ]


def test_every_bad_row_is_told_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        b"prompt,seed,guidance\n"
        b"good,1,7\n"
        b",1,7\n"
        b"\xff\xfe,1,7\n"
        b"a,-1,7\n"
        b"a,99999999999999999999999999,7\n"
        b"a,1.5,7\n"
        b"a,1,nan\n"
        b"a,1,x\n"
        b"a,1\n"
        b'"a"b,1,7\n'
        b"\x1b[2J,1,7\n"
        b'"' + b"a" * 200_000 + b'",1,7\n' + b"a," + b"9" * 5000 + b",7\n"
        b'"never closed,1,7\n',
    )
    told = problems_of(path)
    assert [line.split(":")[0] for line in told] == [f", line {n}" for n in range(3, 16)]
    assert not any("\n" in line or "\x1b" in line for line in told)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", 'the column "prompt"'),
        ("a sneaker\nanother\n", "name the columns in the first line"),
        ("prompt;seed\na;1\n", "separate the fields by commas"),
        ("prompt,seed\na,1\n".encode("utf-16"), "UTF-16"),
        ("größe".encode("latin-1"), "expected"),
        ("prompt\n", "at least one prompt"),
        ("prompt\n\x00\n", "can be printed"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert words in "\n".join(problems_of(written(tmp_path, content)))


def test_a_column_that_is_not_there_is_suggested(tmp_path: Path) -> None:
    rows = RowsConfig(least={"nudity_percent": 1})
    assert "did you mean nudity_percentage" in problems_of(written(tmp_path, I2P), rows)[0]


def test_many_problems_are_told_in_part_and_counted(tmp_path: Path) -> None:
    told = problems_of(written(tmp_path, "prompt,seed\n" + "a,x\n" * 1000))
    assert len(told) == 50
    assert "951 more" in told[-1]


def test_a_large_file_is_read_quickly_and_only_what_is_asked_for_is_kept(tmp_path: Path) -> None:
    rows = 30_000
    body = "".join(
        f"a king number {n} on a long road,violence,{n % 1000},{n},7\n" for n in range(rows)
    )
    path = written(tmp_path, f"prompt,categories,hard,sd_seed,sd_guidance_scale\n{body}")
    started = time.process_time()
    assert len(read_prompts(path)) == rows
    assert time.process_time() - started < 5  # about 0.2 s on an idle core
    tracemalloc.start()
    found = read_prompts(path, RowsConfig(least={"hard": 999}))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == rows // 1000
    assert peak < path.stat().st_size / 4


@given(
    prompts=st.lists(
        st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1),
        min_size=1,
        max_size=8,
    ),
)
@settings(max_examples=50, deadline=None)
def test_what_the_csv_module_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["prompt", "seed"], *([prompt, 3] for prompt in prompts)])
    assert [each.text for each in read_prompts(path)] == prompts


@given(content=st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"prompt,seed,guidance\n" + content)
    try:
        assert all(prompt.text.isprintable() for prompt in read_prompts(path))
    except ConfigError as error:
        str(error).encode()
