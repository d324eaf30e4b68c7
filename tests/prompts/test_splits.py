from collections import Counter
from itertools import combinations, islice, pairwise
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ConceptConfig
from pipeline.prompts import Concept, Scene, resolve_concept, vocabulary
from pipeline.prompts.contexts import Contexts
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
