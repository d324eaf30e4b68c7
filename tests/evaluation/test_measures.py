"""Measures, on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.measures import (
    accuracy,
    accuracy_by_value,
    alignment,
    share,
    soft_erasure,
    unlearning_accuracy,
    worst_neighbour,
)


def test_accuracy_counts_the_hits() -> None:
    assert accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2])) == 0.75


def test_unlearning_accuracy_gives_each_prompt_its_own_target() -> None:
    predicted = np.array([3, 5, 5, 3])
    targets = np.array([3, 5, 3, 5])  # the last two show the *other* forgotten value
    assert unlearning_accuracy(predicted, targets) == 0.5


def test_soft_erasure_is_one_minus_the_mean_probability_of_the_target() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    assert soft_erasure(probabilities, np.array([0, 2])) == pytest.approx(1 - (0.9 + 0.5) / 2)


def test_soft_erasure_tells_apart_what_unlearning_accuracy_calls_equal() -> None:
    targets = np.array([0, 0])
    near = np.array([[0.45, 0.55], [0.4, 0.6]])
    far = np.array([[0.01, 0.99], [0.02, 0.98]])
    hard = [unlearning_accuracy(p.argmax(1), targets) for p in (near, far)]
    assert hard == [1.0, 1.0]
    assert soft_erasure(near, targets) == pytest.approx(0.575)
    assert soft_erasure(far, targets) == pytest.approx(0.985)


def test_accuracy_by_value_leaves_out_values_that_no_picture_wants() -> None:
    predicted = np.array([0, 0, 1, 1])
    wanted = np.array([0, 0, 0, 1])
    found = accuracy_by_value(predicted, wanted, ["shirt", "bag", "boot"])
    assert found == {"shirt": pytest.approx(2 / 3), "bag": 1.0}


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1))
def test_accuracy_is_the_mean_over_values_weighted_by_their_pictures(
    pairs: list[tuple[int, int]],
) -> None:
    predicted, wanted = (np.array(column) for column in zip(*pairs, strict=True))
    by_value = accuracy_by_value(predicted, wanted, list("abcde"))
    weighted = sum(by_value[name] * int(np.sum(wanted == "abcde".index(name))) for name in by_value)
    assert accuracy(predicted, wanted) == pytest.approx(weighted / len(pairs))


def test_share_counts_one_class() -> None:
    assert share(np.array([8, 8, 1, 2]), 8) == 0.5
    assert share(np.array([1, 1]), 8) == 0.0


def test_worst_neighbour_is_the_minimum() -> None:
    by_value = {"sandal": 0.9, "boot": 0.8, "bag": 0.3, "sneaker": 0.0}
    assert worst_neighbour({"sandal": 0.9, "boot": 0.8}, by_value, ["sneaker"]) == 0.8


def test_worst_neighbour_falls_back_to_the_retained_values() -> None:
    assert worst_neighbour({}, {"sneaker": 0.0, "bag": 0.7, "dress": 0.9}, ["sneaker"]) == 0.7
    with pytest.raises(ValueError, match=r"prompts\.test"):
        worst_neighbour({}, {"sneaker": 0.0}, ["sneaker"])


def test_alignment_is_a_share_of_the_base() -> None:
    assert alignment(0.6, 0.8) == pytest.approx(0.75)
    assert alignment(0.8, 0.8) == 1.0


@pytest.mark.parametrize("base", [0.0, -0.1, float("nan")])
def test_alignment_refuses_a_base_that_agrees_with_nothing(base: float) -> None:
    with pytest.raises(ValueError, match="mean CLIP cosine above 0"):
        alignment(0.5, base)


def test_no_picture_is_an_error_and_not_a_number() -> None:
    empty = np.array([], dtype=np.int64)
    with pytest.raises(ValueError, match="at least one judged picture"):
        accuracy(empty, empty)
    with pytest.raises(ValueError, match="at least one judged picture"):
        soft_erasure(np.zeros((0, 3)), empty)


def test_lengths_that_differ_are_an_error() -> None:
    with pytest.raises(ValueError, match="as many targets as pictures"):
        soft_erasure(np.ones((2, 1)), np.array([0]))
