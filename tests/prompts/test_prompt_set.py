import json
from collections import Counter
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ConceptConfig, PromptsConfig, RetainMix
from pipeline.prompts import SOURCES, Prompt, PromptSet, build_prompt_set, vocabulary

WORDS = vocabulary("fashion-canvas")
CONCEPTS = [
    ConceptConfig(kind="object", forget=("sneaker",)),
    ConceptConfig(kind="object", forget=("trousers", "ankle boot")),
    ConceptConfig(kind="style", forget=("neon",)),
    ConceptConfig(kind="style", forget=("photo",), anchor="none"),
]
each_concept = pytest.mark.parametrize("concept", CONCEPTS, ids=lambda each: "+".join(each.forget))


def teaching(prompt_set: PromptSet) -> list[Prompt]:
    retain = [prompt for prompts in prompt_set.retain_train.values() for prompt in prompts]
    return [*prompt_set.forget_train, *retain]


def judging(prompt_set: PromptSet) -> list[Prompt]:
    return [*prompt_set.forget_test, *prompt_set.retain_test]


def context(prompt: Prompt, kind: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((axis, value) for axis, value in prompt.labels.items() if axis != kind))


def of_everything(**settings_: Any) -> PromptSet:
    return build_prompt_set(CONCEPTS[0], PromptsConfig(**settings_))


@given(
    kind=st.sampled_from(["object", "style"]),
    data=st.data(),
    train=st.integers(1, 200),
    test=st.integers(4, 300),
    diversity=st.floats(0, 1),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=15, deadline=None)
def test_what_teaches_and_what_judges_share_no_sentence_and_no_context(
    kind: Literal["object", "style"],
    data: st.DataObject,
    train: int,
    test: int,
    diversity: float,
    seed: int,
) -> None:
    values = WORDS.axes[kind]
    forget = data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=4, unique=True))
    prompts = PromptsConfig(train=train, test=test, forget_diversity=diversity, seed=seed)
    prompt_set = build_prompt_set(ConceptConfig(kind=kind, forget=tuple(forget)), prompts)
    taught, judged = teaching(prompt_set), judging(prompt_set)
    assert len(judged) == test
    assert not {prompt.text for prompt in taught} & {prompt.text for prompt in judged}
    full = {context(prompt, kind) for prompt in taught if len(context(prompt, kind)) == 3}
    assert not full & {context(prompt, kind) for prompt in judged}


@each_concept
def test_labels_say_what_the_sentence_says(concept: ConceptConfig) -> None:
    prompt_set = build_prompt_set(concept, PromptsConfig())
    for prompt in [*teaching(prompt_set), *judging(prompt_set)]:
        assert all(value in prompt.text for value in prompt.labels.values())
        assert all(value in WORDS.axes[axis] for axis, value in prompt.labels.items())


@each_concept
def test_forget_prompts_show_the_concept_and_retain_prompts_do_not(concept: ConceptConfig) -> None:
    prompt_set = build_prompt_set(concept, PromptsConfig(forget_diversity=0.5))
    for prompt in (*prompt_set.forget_train, *prompt_set.forget_test):
        assert prompt.labels[concept.kind] in concept.forget
    retain = [prompt for prompts in prompt_set.retain_train.values() for prompt in prompts]
    for prompt in (*retain, *prompt_set.retain_test):
        assert prompt.labels.get(concept.kind) not in concept.forget
        assert not any(value in prompt.text for value in concept.forget)
        assert prompt.anchor is None


@each_concept
@pytest.mark.parametrize("diversity", [0.0, 0.3, 1.0])
def test_each_forget_prompt_has_a_partner_that_differs_in_the_concept_alone(
    concept: ConceptConfig, diversity: float
) -> None:
    prompt_set = build_prompt_set(concept, PromptsConfig(forget_diversity=diversity))
    pairs = zip(prompt_set.forget_train, prompt_set.retain_train["same_context"], strict=True)
    values = Counter[str]()
    for forget, partner in pairs:
        assert forget.seed == partner.seed
        assert context(forget, concept.kind) == context(partner, concept.kind)
        value = partner.labels[concept.kind]
        values[value] += 1
        if value != "trousers" and "trousers" not in forget.text:
            same = partner.text.replace(value, forget.labels[concept.kind])
            assert same.replace("an ", "a ") == forget.text.replace("an ", "a ")
    assert set(values) == set(WORDS.axes[concept.kind]) - set(concept.forget)
    assert max(values.values()) - min(values.values()) <= 1


def test_the_anchor_takes_the_concepts_place_in_the_same_sentence() -> None:
    for prompt in of_everything(forget_diversity=0.5).forget_train:
        assert prompt.anchor == prompt.text.replace("sneaker", "sandal")


@pytest.mark.parametrize(
    ("kind", "value", "left"), [("object", "bag", "thing"), ("style", "neon", "")]
)
def test_the_anchor_none_leaves_the_concept_out(
    kind: Literal["object", "style"], value: str, left: str
) -> None:
    concept = ConceptConfig(kind=kind, forget=(value,), anchor="none")
    for prompt in build_prompt_set(concept, PromptsConfig()).forget_train:
        assert prompt.anchor is not None
        assert value not in prompt.anchor
        assert left in prompt.anchor
        assert all(
            stated in prompt.anchor for axis, stated in prompt.labels.items() if axis != kind
        )


@each_concept
def test_test_prompts_are_balanced_and_state_everything(concept: ConceptConfig) -> None:
    prompt_set = build_prompt_set(concept, PromptsConfig())
    assert len(prompt_set.forget_test) == 36
    assert len(prompt_set.retain_test) == 108
    other = "style" if concept.kind == "object" else "object"
    retained = set(WORDS.axes[concept.kind]) - set(concept.forget)
    for prompts, values in (
        (prompt_set.forget_test, set(concept.forget)),
        (prompt_set.retain_test, retained),
    ):
        assert all(set(prompt.labels) == set(WORDS.axes) for prompt in prompts)
        assert len({prompt.text for prompt in prompts}) == len(prompts)
        for axis, expected in ((concept.kind, values), (other, set(WORDS.axes[other]))):
            counts = Counter(prompt.labels[axis] for prompt in prompts)
            assert set(counts) == expected
            assert max(counts.values()) - min(counts.values()) <= 1


@each_concept
def test_sources_are_what_they_are_called(concept: ConceptConfig) -> None:
    prompt_set = build_prompt_set(concept, PromptsConfig())
    other = "style" if concept.kind == "object" else "object"
    retain = prompt_set.retain_train
    assert tuple(retain) == SOURCES
    assert {len(prompts) for prompts in retain.values()} == {96}
    assert all(prompt.source == source for source in SOURCES for prompt in retain[source])
    near = {prompt.labels[concept.kind] for prompt in retain["neighbours"]}
    assert near == {near for value in concept.forget for near in WORDS.neighbours[value]} - set(
        concept.forget
    )
    pairs = {(each.labels[concept.kind], each.labels[other]) for each in retain["other_axis"]}
    retained = len(WORDS.axes[concept.kind]) - len(concept.forget)
    assert len(pairs) == retained * len(WORDS.axes[other])
    assert {each.labels[other] for each in retain["other_axis"]} == set(WORDS.axes[other])
    stated = Counter(tuple(sorted(prompt.labels)) for prompt in retain["generic"])
    assert len(stated) == 8
    assert not any(concept.kind in axes for axes in stated)


@given(diversity=st.floats(0, 1), other=st.floats(0, 1), train=st.integers(1, 40))
@settings(max_examples=8, deadline=None)
def test_places_of_a_pool_depend_on_neither_shares_nor_size(
    diversity: float, other: float, train: int
) -> None:
    mixed = of_everything(
        train=train,
        forget_diversity=diversity,
        retain_mix=RetainMix(generic=other, neighbours=1 - other),
    )
    varied = round(diversity * train)
    whole = of_everything(train=40, forget_diversity=1.0)
    bare = of_everything(train=40, forget_diversity=0.0)
    assert mixed.forget_train[:varied] == whole.forget_train[:varied]
    assert mixed.forget_train[varied:] == bare.forget_train[varied:train]
    partners = mixed.retain_train["same_context"]
    assert partners[:varied] == whole.retain_train["same_context"][:varied]
    assert partners[varied:] == bare.retain_train["same_context"][varied:train]
    for source in SOURCES[1:]:
        assert mixed.retain_train[source] == whole.retain_train[source][:train]
    assert judging(mixed) == judging(whole)


def test_bare_prompts_are_one_sentence_with_many_noises() -> None:
    prompts = of_everything(forget_diversity=0.0).forget_train
    assert {prompt.text for prompt in prompts} == {"a photo of a sneaker"}
    assert len({prompt.seed for prompt in prompts}) == len(prompts)
    neon = build_prompt_set(CONCEPTS[2], PromptsConfig(forget_diversity=0.0)).forget_train
    assert {prompt.text for prompt in neon} == {"a neon style picture of a thing"}


def test_diversity_and_mix_show_in_coverage_and_distinct_sentences() -> None:
    diverse, half, narrow = (of_everything(forget_diversity=share) for share in (1, 0.5, 0))
    assert diverse.coverage()["forget_train"] == 1.0
    assert [each.distinct()["forget_train"] for each in (diverse, half, narrow)] == [96, 49, 1]
    generic = of_everything(retain_mix=RetainMix(generic=1.0))
    assert generic.distinct()["retain_train"] < half.distinct()["retain_train"]
    covered, weak = half.coverage()["retain_train"], generic.coverage()["retain_train"]
    assert covered is not None
    assert weak is not None
    assert weak < covered


def test_the_retain_part_is_weighed_by_the_mix() -> None:
    mix = RetainMix(same_context=0.5, generic=0.5)
    report = of_everything(train=40, retain_mix=mix).report()
    assert report["prompts"] == {
        "forget_train": 40,
        "retain_train": 40,
        "forget_test": 36,
        "retain_test": 108,
    }


@each_concept
def test_a_report_is_plain_data(concept: ConceptConfig) -> None:
    report = build_prompt_set(concept, PromptsConfig()).report()
    assert json.loads(json.dumps(report)) == report
    assert report["forgotten"] == list(concept.forget)


def test_a_seed_gives_one_set_and_another_seed_another() -> None:
    assert of_everything(seed=5) == of_everything(seed=5)
    assert of_everything(seed=5).forget_test != of_everything(seed=6).forget_test
