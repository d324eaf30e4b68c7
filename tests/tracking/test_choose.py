"""Choosing: who qualifies, who is taken, and what is said when nobody is."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import parse_space
from pipeline.search.pareto import dominates
from pipeline.search.records import SweepRecord, TrialRecord
from pipeline.tracking import NothingQualifiesError, choose, front_of
from tests.tracking.sweeps import SPACE

Scores = list[tuple[float, float]]


def sweep(scores: Scores, **more: list[float]) -> SweepRecord:
    """A sweep whose trials got these erasures and alignments, and what keywords add to them."""
    space = parse_space(SPACE)
    trials = tuple(
        TrialRecord(
            number=number,
            state="complete",
            params={},
            values=pair,
            metrics={
                "erasure": pair[0],
                "alignment": pair[1],
                **{name: values[number] for name, values in more.items()},
            },
            folder=Path("trials") / str(number),
            reason=None,
            seconds=1.0,
        )
        for number, pair in enumerate(scores)
    )
    return SweepRecord("tiny", Path("tiny"), space, space.objectives, {}, trials, "finished")


SHARES = st.integers(0, 20).map(lambda n: n / 20)
MANY = st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=12)


@given(MANY, SHARES, SHARES)
def test_the_chosen_one_qualifies_and_no_other_has_more_to_spare(
    scores: Scores, erasure: float, alignment: float
) -> None:
    record = sweep(scores)
    bounds = {"erasure": erasure, "alignment": alignment}
    directions = list(record.objectives.values())
    front = [
        number
        for number, pair in enumerate(scores)
        if not any(dominates(other, pair, directions) for other in scores)
    ]
    rooms = [1 - erasure or 1, 1 - alignment or 1]
    margins = {
        n: min((scores[n][0] - erasure) / rooms[0], (scores[n][1] - alignment) / rooms[1])
        for n in front
        if scores[n][0] >= erasure and scores[n][1] >= alignment
    }
    if not margins:
        with pytest.raises(NothingQualifiesError) as caught:
            choose(record, bounds)
        assert {miss.trial for miss in caught.value.misses} == set(front)
        return
    chosen = choose(record, bounds).number
    assert chosen in margins
    assert margins[chosen] == pytest.approx(max(margins.values()))
    assert chosen == min(n for n in margins if scores[n] == scores[chosen])


@given(MANY)
def test_without_bounds_a_member_of_the_front_is_taken(scores: Scores) -> None:
    record = sweep(scores)
    assert choose(record, {}) in front_of(record)


def test_without_bounds_the_balanced_member_is_taken() -> None:
    assert choose(sweep([(0.0, 1.0), (0.8, 0.8), (1.0, 0.0), (0.9, 0.1)]), {}).number == 1


def test_a_dominated_trial_is_never_taken() -> None:
    # The second one has more to spare in cra, but the first dominates it.
    record = sweep([(0.9, 0.9), (0.8, 0.8)], cra=[0.95, 0.99])
    assert choose(record, {"cra": 0.9}).number == 0
    with pytest.raises(NothingQualifiesError):
        choose(record, {"cra": 0.97})


def test_room_above_the_bound_is_the_unit_of_a_margin() -> None:
    # 0.97 uses 0.4 of the room above 0.95; 0.5 uses half of the room above 0.
    record = sweep([(0.97, 0.5), (0.96, 0.9)])
    assert choose(record, {"erasure": 0.95, "alignment": 0.0}).number == 0


def test_equal_margins_go_by_balance() -> None:
    record = sweep([(0.7, 0.95), (0.9, 0.9), (0.95, 0.5)], ua=[1.0, 1.0, 1.0])
    assert choose(record, {"ua": 0.9}).number == 1


def test_equal_members_go_by_number() -> None:
    assert choose(sweep([(0.2, 0.2), (0.9, 0.9), (0.9, 0.9)]), {"erasure": 0.5}).number == 1


def test_the_nearest_misses_are_named_in_order() -> None:
    record = sweep([(0.5, 0.99), (0.94, 0.98), (0.99, 0.2)])
    with pytest.raises(NothingQualifiesError) as caught:
        choose(record, {"erasure": 0.95, "alignment": 0.97})
    assert [miss.trial for miss in caught.value.misses] == [1, 0, 2]
    assert caught.value.misses[0].lacking == {"erasure": (0.94, 0.95)}
    message = str(caught.value)
    assert "tiny: expected a trial on the front with erasure >= 0.95, alignment >= 0.97" in message
    assert "trial 1: erasure 0.9400 < 0.95" in message
    assert "\n" not in message


def test_an_empty_front_is_said_to_be_empty() -> None:
    for bounds in ({}, {"erasure": 0.5}):
        with pytest.raises(NothingQualifiesError, match="no trial is complete"):
            choose(sweep([]), bounds)


def test_a_metric_that_was_not_measured_never_qualifies() -> None:
    record = sweep([(0.9, 0.9)], cra=[math.nan])
    with pytest.raises(NothingQualifiesError):
        choose(record, {"cra": 0.0})


def test_users_mistakes_are_named() -> None:
    record = sweep([(0.9, 0.9)])
    with pytest.raises(ValueError, match=r"eraser: expected a metric .*alignment, erasure"):
        choose(record, {"eraser": 0.9})
    with pytest.raises(ValueError, match="erasure: expected a finite bound, got nan"):
        choose(record, {"erasure": math.nan})
