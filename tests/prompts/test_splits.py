import math
from collections import Counter
from itertools import combinations, islice, pairwise
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ConceptConfig
from pipeline.prompts import Concept, Scene, Vocabulary, resolve_concept, vocabulary
from pipeline.prompts.contexts import Contexts, arranged
from pipeline.prompts.splits import split_contexts
from pipeline.prompts.walks import walk

WORDS = vocabulary("fashion-canvas")
SNEAKER = ConceptConfig(kind="object", forget=("sneaker",))
seeds = st.integers(0, 2**31 - 1)


def resolved(kind: Literal["object", "style"]) -> Concept:
    forget = "sneaker" if kind == "object" else "neon"
    return resolve_concept(ConceptConfig(kind=kind, forget=(forget,)), WORDS)


def flat(contexts: Contexts) -> list[Scene]:
    return [scene for scenes in contexts.values() for scene in scenes]


def pairs(scenes: list[Scene]) -> set[tuple[str, str]]:
    return {pair for scene in scenes for pair in combinations(scene.labels().values(), 2)}


@pytest.mark.parametrize("kind", ["object", "style"])
@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_contexts_are_divided_and_every_pair_of_values_is_on_both_sides(
    kind: Literal["object", "style"], seed: int
) -> None:
    concept = resolved(kind)
    split = split_contexts(concept, seed)
    train, test = flat(split.train), flat(split.test)
    assert concept.other is not None
    sizes = [len(WORDS.axes[axis]) for axis in (concept.other, "colour", "background")]
    assert len({*train, *test}) == len(train) + len(test) == sizes[0] * sizes[1] * sizes[2]
    assert len(test) == pytest.approx(len(train) / 2, rel=0.1)
    every_pair = sum(first * second for first, second in combinations(sizes, 2))
    assert len(pairs(train)) == len(pairs(test)) == every_pair


@st.composite
def vocabularies(draw: st.DrawFn) -> Vocabulary:
    """One or two axes of concepts, up to three of context, of which some may hold out values."""
    concepts = ["what", "how"][: draw(st.integers(1, 2))]
    context = ["where", "when", "why"][: draw(st.integers(1, 3))]
    sizes = {axis: draw(st.integers(2, 5)) for axis in (*concepts, *context)}
    holds_out = draw(st.booleans())
    if not holds_out:
        sizes[context[-1]] = draw(st.integers(3, 5))
    axes = {axis: tuple(f"{axis}{n}" for n in range(size)) for axis, size in sizes.items()}
    listed = [context[0], *draw(st.sets(st.sampled_from([*concepts, *context])))]
    held_out = {axis: axes[axis][: draw(st.integers(1, sizes[axis] - 1))] for axis in listed}
    sentence = " ".join(f"{{{axis}}}" for axis in axes)
    return Vocabulary(
        "drawn", axes, {}, tuple(concepts), (sentence,), held_out=held_out if holds_out else {}
    )


@given(words=vocabularies(), data=st.data(), seed=seeds)
@settings(max_examples=60, deadline=None)
def test_any_vocabularys_contexts_teach_or_judge_and_never_both(
    words: Vocabulary, data: st.DataObject, seed: int
) -> None:
    kind = data.draw(st.sampled_from(words.concept_axes))
    concept = resolve_concept(ConceptConfig(kind=kind, forget=(words.axes[kind][0],)), words)
    split = split_contexts(concept, seed)
    train, test = flat(split.train), flat(split.test)
    assert train
    assert test
    assert len({*train, *test}) == len(train) + len(test)
    every = math.prod(len(values) for axis, values in words.axes.items() if axis != kind)
    held_out = {axis: set(values) for axis, values in words.held_out.items() if axis != kind}
    if not held_out:
        assert len(train) + len(test) == every
    for scene in test:
        assert all(scene.labels()[axis] in values for axis, values in held_out.items())
    for scene in train:
        assert not any(scene.labels()[axis] in values for axis, values in held_out.items())


@given(words=vocabularies(), seed=seeds)
@settings(max_examples=30, deadline=None)
def test_every_prefix_of_the_contexts_is_balanced_over_every_axis(
    words: Vocabulary, seed: int
) -> None:
    kind = words.concept_axes[0]
    concept = resolve_concept(ConceptConfig(kind=kind, forget=(words.axes[kind][0],)), words)
    context = {axis: words.axes[axis] for axis in words.context_axes}
    ((_, cells),) = arranged(concept, (None,), context, np.random.default_rng(seed))
    first = min(range(len(cells)), key=lambda place: sum(cells[place][0]))
    in_order = cells[first:] + cells[:first]
    for place, values in enumerate(context.values()):
        counts = Counter(dict.fromkeys(range(len(values)), 0))
        for ranks, _ in in_order:
            counts[ranks[place]] += 1
            assert max(counts.values()) - min(counts.values()) <= 1


def test_of_very_many_contexts_a_balanced_part_is_used() -> None:
    axes = {"what": ("a", "b"), **{f"c{n}": tuple(f"{n}{m}" for m in range(30)) for n in range(6)}}
    words = Vocabulary("large", axes, {}, ("what",), ("{what}",))
    split = split_contexts(resolve_concept(ConceptConfig(kind="what", forget=("a",)), words), 0)
    scenes = [*flat(split.train), *flat(split.test)]
    assert len(set(scenes)) == len(scenes) < 5000
    for axis in words.context_axes:
        counts = Counter(scene.labels()[axis] for scene in scenes)
        assert len(counts) == 30
        assert max(counts.values()) - min(counts.values()) <= 1


def test_a_seed_gives_one_split_and_other_seeds_others() -> None:
    concept = resolved("object")
    assert split_contexts(concept, 3) == split_contexts(concept, 3)
    assert len({tuple(flat(split_contexts(concept, seed).test)) for seed in range(10)}) > 5


@given(seed=seeds, count=st.integers(1, 200), width=st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_every_prefix_of_a_walk_is_balanced(seed: int, count: int, width: int) -> None:
    concept = resolved("object")
    values = WORDS.axes["object"][:width]
    scenes = list(walk(concept, values, split_contexts(concept, seed).train, count))
    for axis, possible in (("object", values), ("style", WORDS.axes["style"])):
        found = Counter(scene.labels()[axis] for scene in scenes)
        counts = [found[value] for value in possible]
        assert max(counts) - min(counts) <= 1, (axis, found)


@given(seed=seeds, width=st.integers(1, 7), start=st.floats(0, 0.99))
@settings(max_examples=20, deadline=None)
def test_a_walk_repeats_nothing_before_all_contexts_are_used(
    seed: int, width: int, start: float
) -> None:
    concept = resolved("object")
    contexts = split_contexts(concept, seed).test
    values = WORDS.axes["object"][:width]
    shortest = min(map(len, contexts.values())) * len(contexts) * width
    scenes = list(walk(concept, values, contexts, shortest, start))
    assert len(set(scenes)) == shortest


def test_a_longer_walk_begins_with_a_shorter_one() -> None:
    concept = resolved("style")
    contexts = split_contexts(concept, 0).train
    longer = walk(concept, concept.retained, contexts, 100)
    assert list(islice(longer, 40)) == list(walk(concept, concept.retained, contexts, 40))


def test_neighbouring_scenes_of_a_walk_differ_in_colour_or_background() -> None:
    concept = resolved("object")
    scenes = list(walk(concept, concept.forgotten, split_contexts(concept, 0).train, 96))
    same = sum(
        all(before[axis] == after[axis] for axis in WORDS.context_axes)
        for before, after in pairwise(scene.labels() for scene in scenes)
    )
    assert same < len(scenes) / 4
