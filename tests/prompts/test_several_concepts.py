"""Prompts where several concepts are forgotten: at once, on both axes, and one after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ConceptConfig, ConfigError, PromptsConfig
from pipeline.prompts import SOURCES, Concept, Prompt, PromptSet, build_prompt_set, vocabulary

WORDS = vocabulary("fashion-canvas")
KINDS = ("object", "style")
THREE = ConceptConfig.model_validate(
    {
        "kind": "object",
        "forget": ["sneaker"],
        "also": [{"kind": "object", "forget": ["bag"]}, {"kind": "style", "forget": ["neon"]}],
    }
)


@st.composite
def concepts(draw: st.DrawFn) -> ConceptConfig:
    """One to four concepts now, none to two erasures before; three values of each axis are kept."""
    values = {
        kind: list(draw(st.permutations(WORDS.axes[kind])))[: len(WORDS.axes[kind]) - 3]
        for kind in KINDS
    }

    def target() -> dict[str, Any] | None:
        kind = draw(st.sampled_from(KINDS))
        size = draw(st.integers(1, 2))
        taken, values[kind] = values[kind][:size], values[kind][size:]
        return {"kind": kind, "forget": taken} if taken else None

    now = [each for each in [target() for _ in range(draw(st.integers(1, 4)))] if each]
    before = [each for each in [target() for _ in range(draw(st.integers(0, 2)))] if each]
    return ConceptConfig.model_validate({**now[0], "also": now[1:], "erased": before})


def everything_forgotten(concept: ConceptConfig) -> set[str]:
    earlier = [target for erasure in concept.erased for target in erasure.targets]
    return {value for target in (*concept.targets, *earlier) for value in target.forget}


def retain(prompt_set: PromptSet) -> list[Prompt]:
    return [prompt for prompts in prompt_set.retain_train.values() for prompt in prompts]


def named(prompt: Prompt, values: Iterable[str]) -> set[str]:
    return {value for value in values if value in prompt.labels.values() or value in prompt.text}


def context(prompt: Prompt, kind: str) -> tuple[str, ...] | None:
    """The values on all axes but one; None where one is left open."""
    values = [prompt.labels.get(axis) for axis in WORDS.axes if axis != kind]
    return None if None in values else tuple(map(str, values))


def spread(counts: Counter[Any], expected: Iterable[Any]) -> int:
    found = [counts[value] for value in expected]
    return max(found) - min(found)


def owner(prompt: Prompt, prompt_set: PromptSet) -> Concept:
    return next(
        each for each in prompt_set.concepts if prompt.labels.get(each.kind) in each.forgotten
    )


some_concepts = pytest.mark.parametrize(
    "config",
    [
        THREE,
        ConceptConfig.model_validate(
            {
                "kind": "style",
                "forget": ["photo"],
                "also": [{"kind": "object", "forget": ["trousers", "ankle boot"]}],
                "erased": [{"kind": "object", "forget": ["sandal"]}],
            }
        ),
        ConceptConfig.model_validate(
            {
                "kind": "object",
                "forget": ["dress"],
                "erased": [
                    {"kind": "style", "forget": ["mosaic"]},
                    {"kind": "object", "forget": ["bag"]},
                ],
            }
        ),
    ],
    ids=["three at once", "two at once after one", "one after two"],
)


@given(
    config=concepts(),
    train=st.integers(1, 120),
    test=st.integers(8, 160),
    diversity=st.floats(0, 1),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=40, deadline=None)
def test_what_is_forgotten_is_named_by_its_own_forget_prompts_alone(
    config: ConceptConfig, train: int, test: int, diversity: float, seed: int
) -> None:
    prompts = PromptsConfig(train=train, test=test, forget_diversity=diversity, seed=seed)
    prompt_set = build_prompt_set(config, prompts)
    gone = everything_forgotten(config)
    assert len(prompt_set.forget_train) == train
    assert len(prompt_set.forget_test) + len(prompt_set.retain_test) == test
    for prompt in (*retain(prompt_set), *prompt_set.retain_test):
        assert not named(prompt, gone), prompt
    for prompt in (*prompt_set.forget_train, *prompt_set.forget_test):
        (value,) = named(prompt, gone)
        assert value in owner(prompt, prompt_set).forgotten
        assert prompt.anchor is None or not any(value in prompt.anchor for value in gone)
    for concept in prompt_set.concepts:
        assert not {*concept.neighbours, *concept.retained, *concept.anchors.values()} & gone


@given(
    config=concepts(),
    train=st.integers(1, 120),
    test=st.integers(8, 160),
    diversity=st.floats(0, 1),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=40, deadline=None)
def test_what_teaches_and_what_judges_share_no_sentence_and_no_context_on_either_axis(
    config: ConceptConfig, train: int, test: int, diversity: float, seed: int
) -> None:
    prompts = PromptsConfig(train=train, test=test, forget_diversity=diversity, seed=seed)
    prompt_set = build_prompt_set(config, prompts)
    taught = [*prompt_set.forget_train, *retain(prompt_set)]
    judged = [*prompt_set.forget_test, *prompt_set.retain_test]
    assert not {prompt.text for prompt in taught} & {prompt.text for prompt in judged}
    gone = everything_forgotten(config)
    for kind in {concept.kind for concept in prompt_set.concepts}:
        # A context that names a forgotten value is none of this axis's concepts.
        sides = [
            {found for each in part if (found := context(each, kind)) and not gone & set(found)}
            for part in (taught, judged)
        ]
        assert not sides[0] & sides[1], kind


@given(config=concepts(), train=st.integers(1, 120), test=st.integers(8, 160))
@settings(max_examples=30, deadline=None)
def test_every_prefix_holds_the_concepts_in_equal_shares(
    config: ConceptConfig, train: int, test: int
) -> None:
    prompt_set = build_prompt_set(config, PromptsConfig(train=train, test=test))
    for pool in (prompt_set.forget_train, prompt_set.forget_test):
        counts: Counter[str] = Counter()
        within = {concept.name: Counter[str]() for concept in prompt_set.concepts}
        for prompt in pool:
            concept = owner(prompt, prompt_set)
            counts[concept.name] += 1
            within[concept.name][prompt.labels[concept.kind]] += 1
            assert concept.other is not None
            within[concept.name][prompt.labels[concept.other]] += 1
            assert spread(counts, within) <= 1
            for each in prompt_set.concepts:
                assert spread(within[each.name], each.forgotten) <= 1
                assert spread(within[each.name], each.words.axes[each.other or ""]) <= 1


@given(config=concepts(), diversity=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_partners_stay_aligned_and_balanced(
    config: ConceptConfig, diversity: float, seed: int
) -> None:
    prompts = PromptsConfig(train=60, forget_diversity=diversity, seed=seed)
    prompt_set = build_prompt_set(config, prompts)
    partners = {concept.name: Counter[str]() for concept in prompt_set.concepts}
    pairs = zip(prompt_set.forget_train, prompt_set.retain_train["same_context"], strict=True)
    for forget, partner in pairs:
        concept = owner(forget, prompt_set)
        rest = {axis: value for axis, value in forget.labels.items() if axis != concept.kind}
        assert {**rest, concept.kind: partner.labels[concept.kind]} == dict(partner.labels)
        assert forget.seed == partner.seed
        partners[concept.name][partner.labels[concept.kind]] += 1
    for concept in prompt_set.concepts:
        assert set(partners[concept.name]) <= set(concept.retained)
        assert spread(partners[concept.name], concept.retained) <= 1


@some_concepts
def test_coverage_is_full_where_there_are_prompts_enough(config: ConceptConfig) -> None:
    prompt_set = build_prompt_set(config, PromptsConfig(train=720, test=1440))
    assert all(share == 1.0 for share in prompt_set.coverage().values()), prompt_set.coverage()


@some_concepts
def test_test_prompts_are_balanced_and_state_everything(config: ConceptConfig) -> None:
    prompt_set = build_prompt_set(config, PromptsConfig())
    for part in (prompt_set.forget_test, prompt_set.retain_test):
        assert all(set(prompt.labels) == set(WORDS.axes) for prompt in part)
        assert len({prompt.seed for prompt in part}) == len(part)
    assert len({prompt.text for prompt in prompt_set.forget_test}) == 36
    # Held out from both axes, a scene in nine judges: some come twice, from other noise.
    assert len({prompt.text for prompt in prompt_set.retain_test}) > 0.9 * 108
    for kind in KINDS:
        kept = set(WORDS.axes[kind]) - everything_forgotten(config)
        counts = Counter(prompt.labels[kind] for prompt in prompt_set.retain_test)
        assert set(counts) == kept
        assert spread(counts, kept) <= 1


@some_concepts
def test_every_source_is_of_every_concept_and_as_large_as_the_forget_pool(
    config: ConceptConfig,
) -> None:
    prompt_set = build_prompt_set(config, PromptsConfig())
    assert tuple(prompt_set.retain_train) == SOURCES
    assert {len(prompts) for prompts in prompt_set.retain_train.values()} == {96}
    near = {value for concept in prompt_set.concepts for value in concept.neighbours}
    found = {
        value
        for prompt in prompt_set.retain_train["neighbours"]
        for value in prompt.labels.values()
    }
    assert near <= found
    texts = [prompt.text for prompt in prompt_set.retain_train["other_axis"]]
    assert len(set(texts)) > 0.9 * len(texts)


@given(train=st.integers(1, 90), diversity=st.floats(0, 1))
@settings(max_examples=10, deadline=None)
def test_a_longer_pool_begins_with_a_shorter_one(train: int, diversity: float) -> None:
    short = build_prompt_set(THREE, PromptsConfig(train=train))
    long = build_prompt_set(THREE, PromptsConfig(train=90))
    assert long.forget_train[:train] == short.forget_train
    for source in SOURCES:
        assert long.retain_train[source][:train] == short.retain_train[source]
    other = build_prompt_set(THREE, PromptsConfig(train=train, forget_diversity=diversity))
    for source in SOURCES[1:]:
        assert other.retain_train[source] == short.retain_train[source]
    assert other.forget_test == short.forget_test


def test_each_concept_has_its_own_anchor() -> None:
    also = [{"kind": "style", "forget": ["neon"], "anchor": "halftone"}]
    config = ConceptConfig.model_validate(
        {"kind": "object", "forget": ["sneaker"], "anchor": "bag", "also": also}
    )
    for prompt in build_prompt_set(config, PromptsConfig()).forget_train:
        assert prompt.anchor is not None
        word, place = (
            ("sneaker", "bag") if prompt.labels["object"] == "sneaker" else ("neon", "halftone")
        )
        assert place in prompt.anchor
        assert word not in prompt.anchor


def test_an_anchor_that_is_chosen_is_not_forgotten_elsewhere() -> None:
    config = ConceptConfig.model_validate(
        {
            "kind": "style",
            "forget": ["neon"],
            "also": [{"kind": "object", "forget": ["sneaker"]}],
            "erased": [
                {"kind": "style", "forget": ["photo"]},
                {"kind": "object", "forget": ["sandal"]},
            ],
        }
    )
    neon, sneaker = build_prompt_set(config, PromptsConfig()).concepts
    assert (neon.anchors, sneaker.anchors) == ({"neon": "cartoon"}, {"sneaker": "ankle boot"})
    assert sneaker.neighbours == ("ankle boot",)


def test_a_bare_object_is_no_photo_where_photos_are_forgotten() -> None:
    erased = [{"kind": "style", "forget": ["photo"]}]
    config = ConceptConfig.model_validate(
        {"kind": "object", "forget": ["sneaker"], "erased": erased}
    )
    bare = build_prompt_set(config, PromptsConfig(forget_diversity=0.0)).forget_train
    assert {prompt.text for prompt in bare} == {"a picture of a sneaker"}


def test_earlier_erasures_are_judged_on_the_very_prompts_of_their_own_time() -> None:
    first = build_prompt_set(
        ConceptConfig(kind="object", forget=("sneaker",)), PromptsConfig(test=96, seed=5)
    )
    mixed = {
        "kind": "style",
        "forget": ["neon"],
        "also": [{"kind": "object", "forget": ["bag"]}],
        "erased": [{"kind": "object", "forget": ["sneaker"], "test": 96, "seed": 5}],
    }
    second = build_prompt_set(ConceptConfig.model_validate(mixed), PromptsConfig(test=64))
    now = {
        "kind": "object",
        "forget": ["dress"],
        "erased": [
            *mixed["erased"],
            {key: mixed[key] for key in ("kind", "forget", "also")} | {"test": 64, "seed": 0},
        ],
    }
    third = build_prompt_set(ConceptConfig.model_validate(now), PromptsConfig())
    assert [each.prompts for each in third.earlier] == [first.forget_test, second.forget_test]
    names = [[concept.name for concept in each.concepts] for each in third.earlier]
    assert names == [["sneaker"], ["neon", "bag"]]
    assert third.report()["erased_before"] == ["sneaker", "neon", "bag"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"also": [{"kind": "object", "forget": ["sneaker"]}]}, "concept.also.0.forget.0"),
        ({"erased": [{"kind": "object", "forget": ["sneaker"]}]}, "concept.forget.0"),
        ({"also": [{"kind": "object", "forget": ["sandel"]}]}, "concept.also.0.forget.0"),
        ({"erased": [{"kind": "style", "forget": ["neom"]}]}, "concept.erased.0.forget.0"),
        ({"anchor": "bag", "also": [{"kind": "object", "forget": ["bag"]}]}, "concept.anchor"),
        (
            {
                "also": [{"kind": "style", "forget": ["neon"], "anchor": "photo"}],
                "erased": [{"kind": "style", "forget": ["photo"]}],
            },
            "concept.also.0.anchor",
        ),
        (
            {
                "also": [{"kind": "style", "forget": list(WORDS.axes["style"][:3])}],
                "erased": [{"kind": "style", "forget": list(WORDS.axes["style"][3:])}],
            },
            "concept.also.0.forget",
        ),
    ],
)
def test_what_cannot_be_is_named_with_its_place(changes: dict[str, Any], path: str) -> None:
    from pipeline.config import parse_space

    tree = {"name": "a", "concept": {"kind": "object", "forget": ["sneaker"], **changes}}
    with pytest.raises(ConfigError) as caught:
        build_prompt_set(parse_space(tree).fixed().concept, PromptsConfig())
    assert [problem.path for problem in caught.value.problems] == [path]


def test_too_few_held_out_prompts_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"prompts\.test: expected 6 or more, got 5"):
        build_prompt_set(THREE, PromptsConfig(test=5))


def test_own_prompts_name_nothing_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("a sneaker\na neon sneaker\n")
    erased = [{"kind": "style", "forget": ["neon"]}]
    config = ConceptConfig.model_validate(
        {"kind": "object", "forget": ["sneaker"], "erased": erased}
    )
    with pytest.raises(ConfigError, match="without what the base has forgotten") as caught:
        build_prompt_set(config, PromptsConfig(forget_file=path))
    assert caught.value.problems[0].path == f"{path}, line 2"
    path.write_text("a bag\na neon bag\n")
    for kept in (config, THREE):
        with pytest.raises(ConfigError, match="without the concept"):
            build_prompt_set(kept, PromptsConfig(retain_file=path))
