"""What a promoted base has forgotten is known to the next experiment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import ConfigError, ErasedConfig, dump_space, parse_space
from pipeline.search.lineage import check_base, lineage_of, with_lineage

SNEAKER: dict[str, Any] = {
    "kind": "object",
    "forget": ["sneaker"],
    "test": 96,
    "seed": 5,
    "base": "0" * 64,
    "model": "1" * 64,
    "judged": [{"classifier": "c", "erasure": {"sneaker": 0.1 + 0.2}, "ua": {"sneaker": 1.0}}],
}
NEON: dict[str, Any] = {"kind": "style", "forget": ["neon"], "base": "1" * 64, "model": "2" * 64}


def promoted(folder: Path, *lineage: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"lineage": lineage}))
    return folder


def tree(base: Path, **concept: Any) -> dict[str, Any]:
    own = {"kind": "object", "forget": ["bag"], **concept}
    return {"name": "next", "model": {"base": str(base)}, "concept": own}


def test_what_is_gone_is_filled_in_from_the_manifest(tmp_path: Path) -> None:
    base = promoted(tmp_path / "base", SNEAKER, NEON)
    space = with_lineage(parse_space(tree(base)))
    assert space.concept.erased == tuple(map(ErasedConfig.model_validate, (SNEAKER, NEON)))
    assert space.concept.erased[0].judged[0].erasure == {"sneaker": 0.1 + 0.2}
    # Written into a sweep's folder and read again it is the same, and is filled in no more.
    assert with_lineage(parse_space(dump_space(space))) == space


def test_a_relative_base_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(tmp_path / "base", SNEAKER)
    monkeypatch.chdir(tmp_path)
    assert with_lineage(parse_space(tree(Path("base")))).base == str(tmp_path / "base")


@pytest.mark.parametrize("base", ["fashion-canvas", "owner/name", "."])
def test_a_base_without_a_manifest_is_left_as_it_is(base: str) -> None:
    space = parse_space(tree(Path(base)))
    assert with_lineage(space) is space
    stated = parse_space(tree(Path(base), erased=[{"kind": "style", "forget": ["neon"]}]))
    assert with_lineage(stated) is stated


def test_what_the_file_says_too_may_say_less_but_nothing_else(tmp_path: Path) -> None:
    base = promoted(tmp_path / "base", SNEAKER, NEON)
    names = [{key: each[key] for key in ("kind", "forget")} for each in (SNEAKER, NEON)]
    filled = with_lineage(parse_space(tree(base, erased=names)))
    assert filled == with_lineage(parse_space(tree(base)))
    for wrong in (names[:1], names[::-1], [names[0], {"kind": "style", "forget": ["photo"]}]):
        with pytest.raises(ConfigError, match="sneaker, then neon") as caught:
            with_lineage(parse_space(tree(base, erased=wrong)))
        assert [problem.path for problem in caught.value.problems] == ["concept.erased"]


def test_what_is_gone_is_not_forgotten_again(tmp_path: Path) -> None:
    base = promoted(tmp_path / "base", SNEAKER, NEON)
    for again, path in (
        ({"forget": ["sneaker"]}, "concept.forget.0"),
        ({"also": [{"kind": "style", "forget": ["neon"]}]}, "concept.also.0.forget.0"),
        ({"anchor": "sneaker"}, "concept.anchor"),
    ):
        with pytest.raises(ConfigError) as caught:
            with_lineage(parse_space(tree(base, **again)))
        assert [problem.path for problem in caught.value.problems] == [path]


def test_a_manifest_of_before_there_were_chains_tells_one_erasure(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    concept = {"kind": "object", "forget": ["sneaker"], "anchor": "bag"}
    old = {
        "experiment": {"name": "old", "concept": concept, "prompts": {"test": 96}},
        "base": {"fingerprint": "0" * 64},
        "model": "1" * 64,
    }
    (folder / "manifest.json").write_text(json.dumps(old))
    (found,) = lineage_of(folder)
    assert (found.forget, found.anchor, found.test, found.seed) == (("sneaker",), "bag", 96, 0)
    assert (found.base, found.model, found.judged) == ("0" * 64, "1" * 64, ())


@pytest.mark.parametrize("manifest", ["{}", '{"lineage": [{"kind": "object"}]}'])
def test_a_manifest_that_does_not_tell_is_named(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(ValueError, match=r"manifest\.json: expected the manifest of a promoted"):
        with_lineage(parse_space(tree(tmp_path)))


def test_another_base_than_the_recorded_one_is_refused(tmp_path: Path) -> None:
    concept = with_lineage(parse_space(tree(promoted(tmp_path / "base", SNEAKER)))).concept
    check_base(concept, "1" * 64)
    with pytest.raises(ValueError, match="expected the model that has forgotten sneaker"):
        check_base(concept, "3" * 64)
    check_base(parse_space(tree(tmp_path)).concept, "3" * 64)
