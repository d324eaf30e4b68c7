"""How sure hypervolumes are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import Objective
from pipeline.evaluation.by_prompt import values_by_prompt
from pipeline.search.pareto import hypervolume, reference_point
from pipeline.search.records import SweepRecord
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


def test_searches_are_drawn_as_prompts_are() -> None:
    # No prompt differs from another: what is left is which of two searches is drawn.
    searches = [Volumes(value, np.full(4000, value), 7) for value in (0.2, 0.6)]
    both = mean_volumes(searches, (0, 1))
    assert both.measured == pytest.approx(0.4)
    assert both.count == 14
    values, counts = np.unique(np.round(both.resampled, 12), return_counts=True)
    assert values.tolist() == [0.2, 0.4, 0.6]
    assert counts / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    assert mean_volumes(searches[:1], (0, 1)) is searches[0]
    other = mean_volumes(searches, (0, 2))
    assert not np.array_equal(both.resampled, other.resampled), "methods draw the same searches"


def test_all_searches_of_a_draw_are_judged_on_the_same_prompts() -> None:
    prompts = np.random.default_rng(0).random(500)
    searches = [Volumes(0.5, prompts, 1), Volumes(0.5, prompts, 1)]
    assert np.allclose(mean_volumes(searches, (0, 0)).resampled, prompts)


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
    difference = worse.minus(better)
    assert [difference.mean, difference.low, difference.high] == pytest.approx([-0.01] * 3)


def test_they_are_made_from_the_reports_of_a_search(tmp_path: Path) -> None:
    sweep = searched(tmp_path, 0.5, 0.4)
    volumes = volumes_of(sweep, 0)
    assert volumes is not None
    # The better of two, whose alignments are 1 and 0.8.
    assert volumes.measured == pytest.approx(0.85)
    # Two trials, each with two prompts that ask for the concept and three that do not.
    assert volumes.count == 10
    # Alignment is the same on every prompt; erasure is 0.95 and 0.75.
    assert set(np.round(volumes.resampled, 12)) == {0.95, 0.85, 0.75}


def test_without_values_by_prompt_there_is_no_interval(tmp_path: Path) -> None:
    sweep = searched(tmp_path, 0.5)
    assert volumes_of(replace(sweep, objectives={"worst_neighbour": "maximize"}), 0) is None
    assert volumes_of(replace(sweep, trials=()), 0) is None
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
    assert own[6] == "0.6800 [0.6000, 0.7600]"
    assert difference[-1] == "**-0.170** [-0.190, -0.150] |"
