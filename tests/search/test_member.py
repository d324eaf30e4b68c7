"""The chosen member of a front: the one whose weakest side is the strongest."""

from __future__ import annotations

import math

import pytest

from pipeline.search.member import chosen_member, front_of, weakest_side
from tests.search.comparisons import ended_trial, other_trial, sweep_of_trials

KEPT = {"ira": 0.8, "cra": 0.5}
BASE = {"ira": 0.8, "cra": 0.5}


def test_accuracies_count_as_shares_of_the_base_s() -> None:
    metrics = {"erasure": 0.9, "ira": 0.6, "cra": 0.5, "alignment": 0.98}
    assert weakest_side(metrics, BASE) == pytest.approx(0.75)
    assert weakest_side({**metrics, "ira": 0.8}, BASE) == pytest.approx(0.9)
    assert weakest_side({**metrics, "ira": 0.8, "cra": 0.1}, BASE) == pytest.approx(0.2)
    assert weakest_side({**metrics, "ira": 0.8, "alignment": 0.3}, BASE) == pytest.approx(0.3)


def test_without_another_axis_the_rest_counts() -> None:
    metrics = {"erasure": 0.9, "ira": 0.6, "alignment": 0.98}
    assert weakest_side(metrics, {"ira": 0.8}) == pytest.approx(0.75)


def test_of_nothing_all_is_kept() -> None:
    metrics = {"erasure": 0.9, "ira": 0.0, "cra": 0.5, "alignment": 0.98}
    assert weakest_side(metrics, {"ira": 0.0, "cra": 0.5}) == 0.9


def test_the_chosen_one_is_on_the_front_and_balanced() -> None:
    sweep = sweep_of_trials(
        ended_trial(0, {**KEPT, "erasure": 0.99, "alignment": 0.70}),
        ended_trial(1, {**KEPT, "erasure": 0.95, "alignment": 0.96, "ira": 0.4}),
        ended_trial(2, {**KEPT, "erasure": 0.90, "alignment": 0.97}),
        ended_trial(3, {**KEPT, "erasure": 0.89, "alignment": 0.97}),
        other_trial(4, "failed"),
    )
    assert [member.number for member in front_of(sweep)] == [0, 1, 2]
    chosen = chosen_member(sweep)
    assert chosen is not None
    # Trial 1 has the best objectives, but half of the other objects are gone.
    assert chosen.number == 2


def test_of_equal_ones_the_first_is_chosen() -> None:
    same = {"erasure": 0.9, "alignment": 0.97, **KEPT}
    chosen = chosen_member(sweep_of_trials(*(ended_trial(number, same) for number in (5, 2, 7))))
    assert chosen is not None
    assert chosen.number == 2


def test_of_no_front_none_is_chosen() -> None:
    assert (
        chosen_member(sweep_of_trials(other_trial(0, "failed"), other_trial(1, "running"))) is None
    )


def test_a_trial_without_a_number_is_never_chosen() -> None:
    sweep = sweep_of_trials(
        ended_trial(0, {**KEPT, "erasure": math.nan, "alignment": 1.0}),
        ended_trial(1, {**KEPT, "erasure": 0.5, "alignment": 0.5}),
    )
    chosen = chosen_member(sweep)
    assert chosen is not None
    assert chosen.number == 1
