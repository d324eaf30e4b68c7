"""`unlearn expand`: from an experiment and a folder of a language model to files that teach."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.config import ConceptConfig, PromptsConfig
from pipeline.prompts import build_prompt_set
from tests.cli.command import Unlearn
from tests.expansion.tiny import language_model

SNEAKER = ConceptConfig(kind="object", forget=("sneaker",))
SPACE = (
    "name: mine\nconcept: {kind: object, forget: [sneaker]}\n"
    "prompts: {forget_file: mine.forget.jsonl, test: 40}\n"
    "update: {learning_rate: {log_uniform: [1e-5, 1e-3]}}\n"
)


def test_prompts_are_written_read_and_the_same_again(tmp_path: Path, unlearn: Unlearn) -> None:
    of_canvas = build_prompt_set(SNEAKER, PromptsConfig())
    sentences = [
        f"{prompt.text} {where}"
        for prompt in (*of_canvas.forget_train[:40], *of_canvas.retain_train["generic"][:40])
        for where in ("on pink", "in a photo", "of mosaic", "in cyan")
    ]
    language_model(tmp_path / "lm", sentences, steps=60)
    file = tmp_path / "space.yaml"
    file.write_text(SPACE, encoding="utf-8")
    wanted = ("--model", tmp_path / "lm", "--count", 10)
    told = unlearn("expand", file, "--out", "mine.jsonl", *wanted)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [
        "prompts.forget_file: mine.forget.jsonl",
        "prompts.retain_file: mine.retain.jsonl",
    ]
    assert "forget: 10 of " in told.stderr
    again = unlearn("expand", file, "--out", "again.jsonl", *wanted)
    assert again.returncode == 0, again.stderr
    for pool in ("forget", "retain"):
        first = (tmp_path / f"mine.{pool}.jsonl").read_bytes()
        assert first == (tmp_path / f"again.{pool}.jsonl").read_bytes()
    files = {f"{pool}_file": tmp_path / f"mine.{pool}.jsonl" for pool in ("forget", "retain")}
    read = build_prompt_set(SNEAKER, PromptsConfig.model_validate({"train": 10, **files}))
    assert all("sneaker" in prompt.text for prompt in read.forget_train)
    assert not any("sneaker" in str(prompt.anchor) for prompt in read.forget_train)
    assert not any("sneaker" in prompt.text for prompt in read.retain_train["own"])
    assert "anchor" in json.loads((tmp_path / "mine.forget.jsonl").read_text().splitlines()[0])
    told = unlearn("expand", file, "--out", "mine.jsonl", *wanted)
    assert told.returncode == 2
    assert "expected a new name" in told.stderr


def test_what_cannot_be_is_told_at_once(tmp_path: Path, unlearn: Unlearn) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(SPACE, encoding="utf-8")
    told = unlearn("expand", file, "--out", "mine.txt")
    assert told.returncode == 2
    assert "ends in .jsonl" in told.stderr
    also = "concept.also=[{kind: style, forget: [neon]}]"
    told = unlearn("expand", file, "--out", "a.jsonl", "--set", also)
    assert told.returncode == 2
    told = unlearn("expand", file, "--out", "a.jsonl", "--model", "./none")
    assert told.returncode == 2
    assert "there is no such folder" in told.stderr
    assert "Traceback" not in told.stderr
