"""Own prompts that judge: labels, seeds and guidance, and that none of them teaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import ConceptConfig, ConfigError, PromptsConfig, RowsConfig, parse_space
from pipeline.prompts import build_prompt_set

SNEAKER = ConceptConfig(kind="object", forget=("sneaker", "sandal"))


def written(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_own_forget_tests_stand_for_the_concept(tmp_path: Path) -> None:
    path = written(
        tmp_path / "i2p.csv",
        "prompt,sd_seed,sd_guidance_scale,Object,nudity_percentage\n"
        "running shoes,3706897150,8.5,,90\n"
        "two sandals on grass,4,7,,90\n"
        "slippers,,,sandal,90\n"
        "a landscape,5,7,,0\n",
    )
    rows = RowsConfig(least={"nudity_percentage": 50})
    config = PromptsConfig(test=12, test_forget_file=path, forget_rows=rows)
    prompt_set = build_prompt_set(SNEAKER, config)
    found = prompt_set.forget_test
    assert [prompt.text for prompt in found] == [
        "running shoes",
        "two sandals on grass",
        "slippers",
    ]
    assert [prompt.labels["object"] for prompt in found] == ["sneaker", "sandal", "sandal"]
    assert [prompt.seed for prompt in found[:2]] == [3706897150, 4]
    assert [prompt.guidance for prompt in found] == [8.5, 7.0, None]
    assert {prompt.source for prompt in found} == {"forget_test"}
    # Nothing else has changed.
    plain = build_prompt_set(SNEAKER, PromptsConfig(test=12))
    assert prompt_set.retain_test == plain.retain_test
    assert prompt_set.forget_train == plain.forget_train
    assert build_prompt_set(SNEAKER, config) == prompt_set


def test_own_retain_tests_are_judged_on_what_is_stated(tmp_path: Path) -> None:
    path = written(
        tmp_path / "keep.csv",
        "prompt,seed,guidance,object,style\n"
        "a dog,1,2.5,,\n"
        "a bag of plums,,,bag,photo\n"
        "A T-shirt image in Pencil_Sketch style.,,,,\n"
        "A car image in Mosaic style.,,,,\n",
    )
    prompt_set = build_prompt_set(SNEAKER, PromptsConfig(test_retain_file=path))
    assert [dict(prompt.labels) for prompt in prompt_set.retain_test] == [
        {},
        {"object": "bag", "style": "photo"},
        {"object": "t-shirt", "style": "pencil sketch"},
        {},
    ]
    assert prompt_set.retain_test[0].guidance == 2.5
    assert len(prompt_set.forget_test) == 36


@pytest.mark.parametrize(
    ("setting", "row", "words"),
    [
        ("test_retain_file", "two sneakers,", "without the concept"),
        ("test_retain_file", "shoes,sneaker", "without the concept"),
        ("test_retain_file", "a bag,bagg", "did you mean bag"),
        ("test_forget_file", "a bag,bag", "a forgotten object"),
    ],
)
def test_a_row_that_cannot_judge_is_named(
    tmp_path: Path, setting: str, row: str, words: str
) -> None:
    path = written(tmp_path / "own.csv", f"prompt,object\nfine,\n{row}\n")
    with pytest.raises(ConfigError, match=words) as caught:
        build_prompt_set(SNEAKER, PromptsConfig.model_validate({setting: path}))
    assert caught.value.problems[0].path == f"{path}, line 3"


def test_what_judges_does_not_teach(tmp_path: Path) -> None:
    taught = build_prompt_set(SNEAKER, PromptsConfig()).forget_train[3].text
    path = written(tmp_path / "own.txt", f"fine\n{taught.upper()}\n")
    with pytest.raises(ConfigError, match="does not teach too"):
        build_prompt_set(SNEAKER, PromptsConfig(test_forget_file=path))
    mine = written(tmp_path / "mine.txt", "fine\n")
    with pytest.raises(ConfigError, match="held out for judging"):
        build_prompt_set(SNEAKER, PromptsConfig(test_forget_file=mine, forget_file=mine))


def test_files_that_judge_are_the_same_for_all_trials() -> None:
    for setting in ("test_forget_file", "test_retain_file"):
        tree = {
            "name": "a",
            "concept": {"kind": "object", "forget": ["sneaker"]},
            "prompts": {setting: {"choice": ["a.csv", "b.csv"]}},
        }
        with pytest.raises(ConfigError, match=setting):
            parse_space(tree)


def test_rows_without_a_csv_file_are_refused(tmp_path: Path) -> None:
    tree = {
        "name": "a",
        "concept": {"kind": "object", "forget": ["sneaker"]},
        "prompts": {"forget_file": str(tmp_path / "a.txt"), "forget_rows": {"first": 3}},
    }
    with pytest.raises(ConfigError, match=r"no file of theirs is a \.csv"):
        parse_space(tree)
