"""The shipped weights are what the manifest says, and worth what it says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.canvas.manifest import measure_sample
from pipeline.config import embedded

_BASE = embedded("base", "fashion-canvas")
assert _BASE is not None
WEIGHTS = _BASE.parent


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((WEIGHTS / "manifest.json").read_text())
    return content


def test_every_file_is_listed_and_whole(manifest: dict[str, Any]) -> None:
    found = {path.relative_to(WEIGHTS).as_posix() for path in WEIGHTS.rglob("*") if path.is_file()}
    assert found - {"manifest.json"} == set(manifest["files"])
    for name, entry in manifest["files"].items():
        content = (WEIGHTS / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (
            entry["bytes"],
            entry["sha256"],
        )


def test_the_base_is_small_and_holds_safetensors_only(manifest: dict[str, Any]) -> None:
    base = {name: entry for name, entry in manifest["files"].items() if name.startswith("base/")}
    assert sum(entry["bytes"] for entry in base.values()) <= 24e6
    suffixes = {Path(name).suffix for name in manifest["files"]}
    assert suffixes <= {".safetensors", ".json"}


def test_the_judges_are_good_enough_to_judge(manifest: dict[str, Any]) -> None:
    composed = manifest["held_out"]["composed"]
    for judge in ("classifier", "second-classifier"):
        assert composed[judge]["object"] >= 0.95
        assert composed[judge]["style"] >= 0.99
        assert composed[judge]["none_of_these"] >= 0.95
    assert composed["clip"]["r_precision"] >= 0.97
    assert composed["clip"]["zero_shot_object"] >= 0.90


def test_the_base_draws_what_it_is_asked_for(manifest: dict[str, Any]) -> None:
    generated = manifest["held_out"]["generated"]["classifier"]
    assert generated["object"] >= 0.98
    assert min(value for name, value in generated.items() if name.startswith("object/")) >= 0.95
    assert generated["style"] >= 0.98
    assert generated["colour"] >= 0.97


def test_the_numbers_on_the_sample_come_out_again(manifest: dict[str, Any]) -> None:
    measured = measure_sample(WEIGHTS)
    for part, judges in manifest["sample"].items():
        for judge, numbers in judges.items():
            for name, number in numbers.items():
                # Other processors round differently; a picture or two may tip over.
                tolerance = 0.3 if name == "psnr_db" else 0.06 if "/" in name else 0.015
                found = measured[part][judge][name]
                assert found == pytest.approx(number, abs=tolerance), f"{part} {judge} {name}"
