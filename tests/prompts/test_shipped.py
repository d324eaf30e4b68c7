"""The vocabularies that ship: what they hold, how they divide, and what their pairs differ in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipeline.prompts
from pipeline.config import ConceptConfig, ConfigError, PromptsConfig, RetainMix
from pipeline.prompts import (
    VOCABULARIES,
    Prompt,
    PromptSet,
    Vocabulary,
    build_prompt_set,
    resolve_concept,
    vocabulary,
)

FOLDER = Path(pipeline.prompts.__file__).parent / "vocabularies"
EVERY = pytest.mark.parametrize("name", VOCABULARIES)


def written(name: str, kind: str, *forget: str, **settings_: Any) -> PromptSet:
    concept: dict[str, Any] = {"kind": kind, "forget": forget}
    concept |= {key: settings_.pop(key) for key in ("anchor", "also") if key in settings_}
    return build_prompt_set(
        ConceptConfig.model_validate(concept),
        PromptsConfig.model_validate({"vocabulary": name, **settings_}),
    )


def teaching(prompt_set: PromptSet) -> list[Prompt]:
    retain = [prompt for prompts in prompt_set.retain_train.values() for prompt in prompts]
    return [*prompt_set.forget_train, *retain]


def judging(prompt_set: PromptSet) -> list[Prompt]:
    return [*prompt_set.forget_test, *prompt_set.retain_test]


def texts(prompts: list[Prompt]) -> set[str]:
    return {prompt.text for prompt in prompts}


def concept_values(words: Vocabulary) -> list[tuple[str, str]]:
    """What can be erased: axis and value."""
    return [
        (axis, value)
        for axis in words.concept_axes
        for value in words.axes[axis]
        if words.phrase(axis, value)
    ]


def test_what_ships_is_what_is_listed() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(VOCABULARIES)


@EVERY
def test_every_value_has_neighbours_an_anchor_and_a_caption_of_its_own(name: str) -> None:
    words = vocabulary(name)
    for axis, value in concept_values(words):
        concept = resolve_concept(ConceptConfig(kind=axis, forget=(value,)), words)
        assert set(concept.neighbours) == set(words.neighbours[value])
        assert concept.anchors[value] in concept.retained
    for axis, values in words.axes.items():
        captions = {words.caption(axis, value) for value in values}
        assert len(captions) == len(values)
        assert all(caption == " ".join(caption.split()) for caption in captions)


@EVERY
@given(data=st.data(), seed=st.integers(0, 2**31 - 1), diversity=st.floats(0, 1))
@settings(max_examples=8, deadline=None)
def test_a_split_is_what_the_vocabulary_declares(
    name: str, data: st.DataObject, seed: int, diversity: float
) -> None:
    words = vocabulary(name)
    kind, value = data.draw(st.sampled_from(concept_values(words)))
    test = data.draw(st.integers(4, 60))
    size = {"train": 30, "test": test, "seed": seed, "forget_diversity": diversity}
    found = written(name, kind, value, **size)
    taught, judged = teaching(found), judging(found)
    assert len(judged) == test
    assert found.forget_train
    assert all(prompt.labels[kind] == value for prompt in found.forget_test)
    retain = [*taught[len(found.forget_train) :], *found.retain_test]
    assert all(prompt.labels.get(kind) != value for prompt in retain)
    if words.shares_sentences:
        seeds = [prompt.seed for prompt in (*found.forget_train, *judged)]
        assert len(set(seeds)) == len(seeds)
    else:
        assert not texts(taught) & texts(judged)
    for axis, held_out in words.held_out.items():
        if axis != kind:
            varied = [prompt for prompt in taught if prompt.source != "bare"]
            assert not {prompt.labels.get(axis) for prompt in varied} & set(held_out)
            assert {prompt.labels[axis] for prompt in judged} <= set(held_out)
    assert found == written(name, kind, value, **size)


@EVERY
def test_partners_differ_in_the_concept_alone(name: str) -> None:
    words = vocabulary(name)
    for kind in words.concept_axes:
        value = words.axes[kind][0]
        found = written(name, kind, value, train=60)
        for forget, partner in zip(
            found.forget_train, found.retain_train["same_context"], strict=True
        ):
            assert forget.seed == partner.seed
            rest = {axis: said for axis, said in forget.labels.items() if axis != kind}
            assert dict(partner.labels) == {**rest, kind: partner.labels[kind]}


def test_people_are_paired_by_one_inserted_word() -> None:
    found = written("people", "attire", "nude", train=800, test=400)
    assert found.distinct()["forget_train"] == 800
    assert found.distinct()["forget_test"] == 100
    partners = found.retain_train["same_context"]
    assert len({partner.text for partner in partners}) == 800
    for forget, partner in zip(found.forget_train, partners, strict=True):
        assert forget.text.replace(" nude ", " ") == partner.text == forget.anchor
    words = vocabulary("people")
    for axis in words.axes:
        taught = {prompt.labels.get(axis) for prompt in teaching(found)} - {None}
        judged = {prompt.labels[axis] for prompt in judging(found)}
        assert axis == "attire" or not taught & judged


def test_without_the_word_a_nude_person_is_a_person() -> None:
    found = written("people", "attire", "nude", anchor="none", train=20)
    for prompt in found.forget_train:
        assert prompt.anchor == prompt.text.replace(" nude ", " ")


def test_what_sentences_have_no_word_for_cannot_be_forgotten() -> None:
    with pytest.raises(ConfigError, match="a value that sentences name, got clothed") as caught:
        written("people", "attire", "clothed")
    assert caught.value.problems[0].path == "concept.forget.0"


def test_captions_for_judges() -> None:
    assert vocabulary("people").caption("attire", "clothed") == "a photo of a clothed person"
    assert vocabulary("people").caption("place", "kitchen") == "a photo in a kitchen"
    assert vocabulary("art-styles").caption("style", "Van Gogh") == "a painting by Van Gogh"
    assert vocabulary("things").caption("object", "English springer") == (
        "a photo of an English springer"
    )
    assert vocabulary("fashion-canvas").caption("object", "trousers") == "a photo of trousers"


def test_bare_sentences_are_plain() -> None:
    for name, kind, value, bare in (
        ("people", "attire", "nude", "a nude person"),
        ("people", "place", "beach", "a person on a beach"),
        ("art-styles", "style", "Monet", "a painting by Monet"),
        ("art-styles", "object", "dog", "a photo of a dog"),
        ("things", "object", "church", "a photo of a church"),
        ("things", "place", "desert", "a photo in a desert"),
        ("unlearncanvas", "style", "Van_Gogh", "An image in Van Gogh style."),
    ):
        found = written(name, kind, value, train=3, forget_diversity=0.0)
        assert {prompt.text for prompt in found.forget_train} == {bare}


def test_unlearncanvas_is_the_benchmarks() -> None:
    words = vocabulary("unlearncanvas")
    assert [len(words.axes[axis]) for axis in ("style", "object")] == [51, 20]
    # The order of its classifiers' classes, which is alphabetical.
    assert all(list(values) == sorted(values) for values in words.axes.values())
    found = written("unlearncanvas", "style", "Van_Gogh", train=20, test=1020)
    assert texts(list(found.forget_test)) == {
        f"A {thing} image in Van Gogh style." for thing in words.axes["object"]
    }


def test_a_class_is_asked_for_by_its_name() -> None:
    found = written("cifar10", "class", "cat", train=40, test=40)
    assert found.concept.other is None
    assert texts(list(found.forget_train)) == texts(list(found.forget_test)) == {"cat"}
    classes = set(vocabulary("cifar10").axes["class"])
    assert texts(list(found.retain_test)) == classes - {"cat"}
    assert texts(list(found.retain_train["same_context"])) == classes - {"cat"}
    assert {prompt.anchor for prompt in found.forget_train} == {"dog"}
    empty = written("cifar10", "class", "cat", anchor="none", train=2)
    assert {prompt.anchor for prompt in empty.forget_train} == {""}
    assert found.coverage()["forget_train"] is None


def test_a_mix_is_equal_over_what_the_vocabulary_has() -> None:
    half = {"same_context": 0.5, "neighbours": 0.5, "other_axis": 0, "generic": 0, "anchor": 0}
    assert dict(written("cifar10", "class", "cat").retain_mix) == half
    quarters = dict.fromkeys(("same_context", "neighbours", "other_axis", "generic"), 0.25)
    assert dict(written("things", "object", "church").retain_mix) == {**quarters, "anchor": 0}


def test_a_share_of_what_the_vocabulary_lacks_is_refused() -> None:
    mix = RetainMix(same_context=0.5, other_axis=0.25, generic=0.25)
    with pytest.raises(ConfigError) as caught:
        written("cifar10", "class", "cat", retain_mix=mix)
    assert [problem.path for problem in caught.value.problems] == [
        "prompts.retain_mix.other_axis",
        "prompts.retain_mix.generic",
    ]
    assert "sources here: same_context, neighbours, anchor" in str(caught.value)
    assert written("cifar10", "class", "cat", retain_mix=RetainMix(anchor=1.0))


@pytest.mark.parametrize("name", ["people", "art-styles", "things", "unlearncanvas"])
def test_concepts_of_both_axes_leave_nothing_on_both_sides(name: str) -> None:
    words = vocabulary(name)
    first, second = (words.axes[axis][0] for axis in words.concept_axes)
    also = [{"kind": words.concept_axes[1], "forget": [second]}]
    found = written(name, words.concept_axes[0], first, also=also, train=40, test=40)
    assert {concept.name for concept in found.concepts} == {first, second}
    if not words.shares_sentences:
        assert not texts(teaching(found)) & texts(judging(found))


@pytest.mark.parametrize(
    ("name", "kind", "remedy"),
    [("people", "object", "known: attire, place"), ("cifar10", "clas", "did you mean class")],
)
def test_an_axis_without_concepts_is_refused_at_every_place(
    name: str, kind: str, remedy: str
) -> None:
    also = [{"kind": "mood", "forget": ["happy"]}]
    with pytest.raises(ConfigError, match=remedy) as caught:
        written(name, kind, "nude", also=also)
    assert [problem.path for problem in caught.value.problems] == [
        "concept.kind",
        "concept.also.0.kind",
    ]


def test_too_much_forgotten_leaves_nothing_to_judge_in() -> None:
    places = vocabulary("people").held_out["place"]
    also = [{"kind": "place", "forget": list(places)}]
    with pytest.raises(ConfigError, match="that prompts that judge may name"):
        written("people", "attire", "nude", also=also)
