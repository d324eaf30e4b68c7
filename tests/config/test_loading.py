from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import (
    ConfigError,
    Uniform,
    dump_experiment,
    dump_space,
    load_space,
    parse_space,
)
from pipeline.config.plain_yaml import MAX_BYTES

HEAD = "name: a\nconcept: {kind: object, forget: [sneaker]}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "space.yaml"
    path.write_text(text)
    return path


def test_overrides_are_applied_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD)
    overrides = ["update.steps=3", "update.steps=4", "update.clip_norm=null", "name=b=c"]
    with pytest.raises(ConfigError, match="got b=c"):
        load_space(path, overrides)
    experiment = load_space(path, overrides[:3]).fixed()
    assert (experiment.update.steps, experiment.update.clip_norm) == (4, None)


def test_an_override_replaces_and_brings_distributions(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "update: {learning_rate: {log_uniform: [1e-5, 1e-3]}}")
    assert load_space(path, ["update.learning_rate=1e-4"]).fixed().update.learning_rate == 1e-4
    space = load_space(path, ["update.retain_weight={uniform: [1, 2]}"])
    assert space.distributions["update.retain_weight"] == Uniform(1.0, 2.0)


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("update.steps", "override"),
        ("=3", "override"),
        ("update..steps=3", "override"),
        ("update.steps=[", "override update.steps, line 1"),
        ("name.first=3", "name.first"),
        ("update.stepz=3", "update.stepz"),
    ],
)
def test_a_bad_override_is_named(tmp_path: Path, override: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_space(written(tmp_path, HEAD), [override])
    assert caught.value.problems[0].path.startswith(place)


def test_files_are_found_from_the_experiments_folder_and_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    path = written(there, HEAD + "prompts: {forget_file: own.txt}")
    prompts = load_space(path, ["prompts.retain_file=keep.jsonl"]).fixed().prompts
    assert prompts.forget_file == there / "own.txt"
    assert prompts.retain_file == here / "keep.jsonl"


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_text("#" * (MAX_BYTES + 1))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.yaml", tmp_path, large, binary):
        with pytest.raises(ConfigError) as caught:
            load_space(path)
        assert caught.value.problems[0].path.startswith(str(path))


def test_a_dumped_space_is_the_same_space(tmp_path: Path) -> None:
    space = parse_space(HEAD + "update: {restriction: {choice: [gradient, none]}}")
    assert load_space(written(tmp_path, dump_space(space))) == space


@given(
    rate=st.floats(1e-12, 1e3),
    shares=st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
    anchor=st.sampled_from([None, "none", "1e5", "yes", "ankle boot"]),
)
@settings(max_examples=40, deadline=None)
def test_a_dumped_experiment_is_the_same_experiment(
    rate: float, shares: list[float], anchor: str | None
) -> None:
    names = ("same_context", "neighbours", "other_axis", "generic")
    mix = dict(zip(names, (share / sum(shares) for share in shares), strict=True))
    experiment = parse_space(
        {
            "name": "a",
            "concept": {"kind": "object", "forget": ["sneaker"], "anchor": anchor},
            "prompts": {"retain_mix": mix, "forget_file": "/somewhere/own.txt"},
            "update": {"learning_rate": rate},
        }
    ).fixed()
    assert parse_space(dump_experiment(experiment)).fixed() == experiment
