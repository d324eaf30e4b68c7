from pipeline.prompts import Prompt
from pipeline.prompts.coverage import distinct_texts, pair_coverage

AXES = {"object": ("bag", "dress"), "style": ("neon",), "colour": ("red", "blue")}
# Pairs that can be stated: 2 object-style, 4 object-colour, 2 style-colour.


def prompt(**labels: str) -> Prompt:
    return Prompt(" ".join(labels.values()), labels)


def test_coverage_is_the_share_of_pairs_stated_together() -> None:
    assert pair_coverage([prompt(object="bag", style="neon")], AXES) == 1 / 8
    assert pair_coverage([prompt(object="bag", style="neon", colour="red")], AXES) == 3 / 8
    assert pair_coverage([prompt(object="bag"), prompt(style="neon")], AXES) == 0


def test_a_pair_counts_once_and_only_if_it_is_asked_for() -> None:
    twice = [prompt(object="bag", style="neon")] * 2
    assert pair_coverage(twice, AXES) == 1 / 8
    assert pair_coverage([prompt(object="sneaker", style="neon")], AXES) == 0


def test_nothing_is_known_of_prompts_without_labels() -> None:
    assert pair_coverage([Prompt("a bag")], AXES) is None


def test_distinct_sentences_are_counted_once() -> None:
    assert distinct_texts([Prompt("a", seed=1), Prompt("a", seed=2), Prompt("b")]) == 2
