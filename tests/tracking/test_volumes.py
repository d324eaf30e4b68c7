"""How sure hypervolumes are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import Objective, Pair
from pipeline.evaluation.by_prompt import values_by_prompt
from pipeline.search.comparison_record import AgainRecord, PairRecord
from pipeline.search.pareto import hypervolume, reference_point
from pipeline.search.records import SweepRecord
from pipeline.tracking.comparison.results import MethodResult
from pipeline.tracking.comparison.summary import results_of
from pipeline.tracking.comparison.table import table_of_results
from pipeline.tracking.comparison.volumes import (
    Volumes,
    mean_volumes,
    resampled_volumes,
    volumes_of,
)
from tests.search.comparisons import ended_trial, sweep_of_trials
from tests.tracking.comparisons import comparison, pair, report

BOTH: tuple[Objective, Objective] = ("maximize", "maximize")


def searched(folder: Path, *kept: float) -> SweepRecord:
    """A search whose trials differ in the CLIP cosine of retain prompts, with their reports."""
    trials = []
    for number, clip in enumerate(kept):
        judged = report(clip)
        means = {name: float(each.mean()) for name, each in values_by_prompt(judged).items()}
        place = folder / f"{number}"
        place.mkdir(parents=True)
        judged.save(place / "report.json")
        metrics = {**means, "ira": 0.8, "cra": 0.5}
        trials.append(replace(ended_trial(number, metrics), folder=place))
    return sweep_of_trials(*trials)


def test_two_prompts_are_drawn_in_every_way() -> None:
    # One trial on two prompts each: a mean is that of one of them, of the other, or of both.
    tables = [np.array([[0.2, 0.8]]), np.array([[1.0, 0.5]])]
    drawn = resampled_volumes(tables, BOTH, 0)
    # The same prompts for both objectives, as there are as many.
    assert set(np.round(drawn, 12)) == {0.2, 0.4, 0.5 * 0.75}
    assert drawn.mean() == pytest.approx((0.2 + 0.4) / 4 + 0.375 / 2, abs=0.01)
    assert np.array_equal(drawn, resampled_volumes(tables, BOTH, 0))
    assert not np.array_equal(drawn, resampled_volumes(tables, BOTH, 1))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_nineteen_of_twenty_intervals_hold_the_mean_of_all_searches(count: int) -> None:
    # No prompt differs from another: all that is uncertain is how searches end.
    luck = np.random.default_rng(count).normal(0.9, 0.01, (1000, count))
    held = 0
    for values in luck:
        searches = [Volumes(float(value), np.full(1000, value), 1) for value in values]
        interval = mean_volumes(searches).interval()
        held += interval.low <= 0.9 <= interval.high
        assert interval.mean == pytest.approx(values.mean())
    assert 0.93 < held / 1000 < 0.97


def test_searches_that_end_alike_leave_what_prompts_leave() -> None:
    prompts = np.random.default_rng(0).random(500)
    searches = [Volumes(0.5, prompts, 7), Volumes(0.5, prompts, 7)]
    both = mean_volumes(searches)
    assert np.allclose(both.resampled, prompts)
    assert both.count == 14
    assert mean_volumes(searches[:1]).interval() == searches[0].interval()


def test_the_whole_front_is_drawn_anew() -> None:
    generator = np.random.default_rng(3)
    tables = [generator.random((5, 30)), generator.random((5, 50))]
    drawn = resampled_volumes(tables, BOTH, 0)
    means = np.stack([table.mean(1) for table in tables], axis=1)
    whole = hypervolume(means, reference_point(BOTH), BOTH)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert low < whole < high
    # A dominated trial changes nothing where it is dominated on every prompt.
    more = [np.concatenate([table, table[:1] - 0.5]) for table in tables]
    assert np.allclose(resampled_volumes(more, BOTH, 0), drawn)


def test_methods_are_compared_on_the_same_prompts() -> None:
    hard = np.linspace(0.5, 1, 24)
    # One is better by the same on every prompt, far less than prompts differ.
    better, worse = (
        Volumes(table.mean(), resampled_volumes([table[None]], ["maximize"], 0), table.size)
        for table in (hard, hard - 0.01)
    )
    own = worse.interval()
    assert own.high - own.low > 0.05
    assert own.low < own.mean < own.high
    difference = worse.minus(better).interval()
    assert [difference.mean, difference.low, difference.high] == pytest.approx([-0.01] * 3)


def test_they_are_made_from_the_reports_of_a_search(tmp_path: Path) -> None:
    sweep = searched(tmp_path, 0.5, 0.4)
    volumes = volumes_of(sweep, 0)
    assert volumes is not None
    # The better of two, whose alignments are 1 and 0.8.
    assert volumes.measured == pytest.approx(0.85)
    # Two trials, each with two prompts that ask for the concept and three that do not.
    assert volumes.count == 10
    # Alignment is the same on every prompt; erasure is 0.95 and 0.75, or with both 0.85.
    drawn = np.unique(np.round(volumes.resampled, 12))
    assert np.diff(drawn) == pytest.approx([0.1, 0.1])
    assert volumes.resampled.mean() == pytest.approx(0.85)


def test_without_values_by_prompt_there_is_no_interval(tmp_path: Path) -> None:
    sweep = searched(tmp_path, 0.5)
    assert volumes_of(replace(sweep, objectives={"worst_neighbour": "maximize"}), 0) is None
    assert volumes_of(replace(sweep, trials=(), status="running"), 0) is None
    (tmp_path / "0" / "report.json").unlink()
    assert volumes_of(sweep, 0) is None


def test_the_table_shows_it_and_what_others_have_less(tmp_path: Path) -> None:
    ours = replace(pair(tmp_path, "winner"), sweep=searched(tmp_path / "ours", 0.5))
    theirs = replace(pair(tmp_path, "loser"), sweep=searched(tmp_path / "theirs", 0.4))
    results = results_of(comparison(tmp_path, ours, theirs))
    first, second = results.targets[0].methods
    assert first.hypervolume_interval is not None
    assert first.hypervolume == first.hypervolume_interval.mean == pytest.approx(0.85)
    assert second.differences["hypervolume"].mean == pytest.approx(0.85 * 0.8 - 0.85)
    rows = [line.split(" | ") for line in table_of_results(results).splitlines()]
    own, difference = (row for row in rows if row[0] == "| loser")
    interval = second.hypervolume_interval
    assert interval is not None
    assert interval.high - interval.low == pytest.approx(0.16)
    assert own[6] == f"0.6800 [{interval.low:.4f}, {interval.high:.4f}]"
    assert difference[-2].startswith("**-0.1700** [-0.1")
    # Both were trained to the same, and what they share is subtracted first.
    assert difference[-1] == "+0.0000 [+0.0000, +0.0000] |"


def test_a_search_that_ends_without_a_trial_covers_nothing_surely(tmp_path: Path) -> None:
    ended = volumes_of(replace(searched(tmp_path, 0.5), trials=()), 0)
    assert ended is not None
    assert (ended.measured, np.abs(ended.resampled).max()) == (0.0, 0.0)


def test_only_searches_with_the_same_seeds_are_subtracted(tmp_path: Path) -> None:
    def method(name: str, **kept: float) -> PairRecord:
        """A pair with a search a seed, whose names begin with a letter."""
        record = pair(tmp_path / name, "winner")
        first, *others = (
            (int(seed[1:]), searched(tmp_path / name / seed, clip)) for seed, clip in kept.items()
        )
        again = tuple(AgainRecord(seed, record.space, Path(), each) for seed, each in others)
        return replace(record, pair=Pair("sneaker", name), sweep=first[1], again=again)

    def result(*pairs: PairRecord) -> MethodResult:
        """Of the last of them."""
        (target,) = results_of(comparison(tmp_path, *pairs)).targets
        return next(each for each in target.methods if each.method == pairs[-1].pair.method)

    thrice = method("thrice", s0=0.5, s1=0.42, s2=0.4)
    # Erasure is 0.85 of all of them, alignment twice the cosine.
    assert result(thrice).hypervolume == pytest.approx(0.85 * 0.88)
    interval = result(thrice).hypervolume_interval
    assert interval is not None
    assert interval.mean == pytest.approx(0.85 * 0.88)
    # As if they were on the same prompts: t is 4.30 with two degrees of freedom.
    assert interval.high - interval.low > 2 * 4.3 * 0.85 * np.std([1, 0.84, 0.8], ddof=1) / 3**0.5
    both = result(thrice, method("twice", s0=0.3, s2=0.15)).differences["hypervolume"]
    # Less all three it would be 0.43.
    assert both.mean == pytest.approx(0.85 * (0.45 - 0.9))
    once = result(thrice, method("once", s0=0.3)).differences["hypervolume"]
    # Of a search each it is not known how another one would have ended, whatever is known of one.
    assert once.mean == pytest.approx(0.85 * (0.6 - 1.0))
    assert once.high - once.low < 0.2
