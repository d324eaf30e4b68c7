"""Prompt sets stay what they were: promoted models were judged on them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import ConceptConfig, PromptsConfig
from pipeline.prompts import PromptSet, build_prompt_set

# Taken before more than one concept could be erased.
PINNED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"kind": "object", "forget": ("sneaker",)},
        {},
        "46c4a4c809a89e31887722b9a7e3876dec0a1d08a11d06c1e185603cc1c45044",
    ),
    (
        {"kind": "object", "forget": ("sneaker",), "anchor": "bag"},
        {"test": 192, "forget_diversity": 0.4},
        "cb4db542f4089a0505b36043bc9135746e0d3b22aca4d74904b472a69f31415f",
    ),
    (
        {"kind": "object", "forget": ("trousers", "ankle boot")},
        {"seed": 3, "train": 50},
        "d7c6ea2cc055ca51af9b106ec30e237d7feab9ca88c07a13121a44ecb05daeaf",
    ),
    (
        {"kind": "style", "forget": ("neon",)},
        {"train": 128, "test": 288},
        "b3a032cc4ea83da45baff79e77a21b596264ce4fe03b4920c72f0fc87f2ac065",
    ),
    (
        {"kind": "style", "forget": ("photo",), "anchor": "none"},
        {"forget_diversity": 0.0, "seed": 11},
        "e7dc14a803888edae5df4b8f2194f7dd97b6f11b413829969458c835cd43f795",
    ),
    (
        {"kind": "style", "forget": ("photo", "cartoon")},
        {"test": 7, "train": 5},
        "e7d4c0874d0b6d5c63eb1c52fb731091c2af38438984049208e4a4314d8ece5a",
    ),
]
# Taken before there were other vocabularies.
SEVERAL: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {
            "kind": "object",
            "forget": ["sneaker"],
            "also": [{"kind": "object", "forget": ["bag"]}, {"kind": "style", "forget": ["neon"]}],
        },
        {},
        "69a834ed41ad7c34bedfaa3b87fb40d5e99d95b8f56b1a722e35e1a07bcc70db",
    ),
    (
        {
            "kind": "style",
            "forget": ["photo"],
            "also": [{"kind": "object", "forget": ["trousers", "ankle boot"]}],
            "erased": [{"kind": "object", "forget": ["sandal"]}],
        },
        {"seed": 3, "train": 50, "test": 40, "forget_diversity": 0.5},
        "42ada55af6857d56688fdf11ec754f261b1c2d2eeeb5db3dbce402e497ec67c8",
    ),
]
OWN_BOTH = "90a187dbf4692c730a052e7bf2d8d73b2beedbe9e573b3cf33773b4b975cab11"
OWN_FORGET = "09d2ab3a7d339418c1e03681ffd2e3cabbf5b2d819a7bd1c82a3d383fa4e2b04"


def digest(prompt_set: PromptSet) -> str:
    """SHA-256 over every prompt: text, labels, source, anchor and seed."""
    retain = {f"retain/{source}": each for source, each in prompt_set.retain_train.items()}
    parts = {
        "forget_train": prompt_set.forget_train,
        **retain,
        "forget_test": prompt_set.forget_test,
        "retain_test": prompt_set.retain_test,
    }
    story = {
        part: [[p.text, dict(p.labels), p.source, p.anchor, p.seed] for p in prompts]
        for part, prompts in parts.items()
    }
    return hashlib.sha256(json.dumps(story).encode()).hexdigest()


@pytest.mark.parametrize(("concept", "prompts", "expected"), PINNED + SEVERAL)
def test_every_prompt_is_what_it_was(
    concept: dict[str, Any], prompts: dict[str, Any], expected: str
) -> None:
    prompt_set = build_prompt_set(ConceptConfig.model_validate(concept), PromptsConfig(**prompts))
    assert digest(prompt_set) == expected


def test_own_prompts_are_what_they_were(tmp_path: Path) -> None:
    forget, keep = tmp_path / "own.txt", tmp_path / "keep.txt"
    forget.write_text("a sneaker on grass\nmy running shoes\n")
    keep.write_text("a dog\na cat\n")
    concept = ConceptConfig(kind="object", forget=("sneaker",))
    both = PromptsConfig(train=5, forget_file=forget, retain_file=keep)
    assert digest(build_prompt_set(concept, both)) == OWN_BOTH
    one = PromptsConfig(train=5, forget_file=forget)
    assert digest(build_prompt_set(concept, one)) == OWN_FORGET
