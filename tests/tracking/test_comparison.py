"""A comparison's numbers, table, figures and gallery."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from pipeline.config import Objective, Pair, parse_space
from pipeline.evaluation.samples import load_samples
from pipeline.search.comparison_record import AgainRecord, PairRecord
from pipeline.tracking.comparison.close_up import Window, close_up
from pipeline.tracking.comparison.files import write_results
from pipeline.tracking.comparison.fronts import fronts_picture
from pipeline.tracking.comparison.gallery import draw_target_gallery
from pipeline.tracking.comparison.overview import overview
from pipeline.tracking.comparison.results import Member, MethodResult, TargetResult
from pipeline.tracking.comparison.series import line_shape, series_of
from pipeline.tracking.comparison.summary import results_of
from pipeline.tracking.comparison.table import table_of_results
from tests.search.comparisons import other_trial, sweep_of_trials
from tests.tracking.comparisons import comparison, diverged, pair, report, waiting

BOTH: tuple[Objective, Objective] = ("maximize", "maximize")


def test_the_numbers_are_those_of_search_and_judgement(tmp_path: Path) -> None:
    record = comparison(tmp_path, pair(tmp_path, "loser"), pair(tmp_path, "winner"))
    (target,) = results_of(record).targets
    winner, loser = target.methods
    assert (winner.method, loser.method) == ("winner", "loser")
    assert winner.hypervolume == pytest.approx(0.99 * 0.97 + 0.9 * 0.03)
    assert loser.hypervolume == pytest.approx(0.5 * 0.9 + 0.4 * 0.05)
    assert [member.trial for member in loser.front] == [0, 1]
    assert (loser.complete, loser.failed, loser.sweep_seconds) == (3, 1, 40.0)
    assert loser.trial_seconds == 10.0
    assert (winner.chosen, loser.chosen) == (0, 0)
    assert [final.training_seconds for final in winner.finals] == [3.0, 3.0]
    assert winner.means["alignment"] == pytest.approx(0.98)
    interval = winner.intervals["alignment"]
    assert interval.mean == pytest.approx(0.98)
    assert interval.count == 6
    # No prompt differs from the others: two trainings' t test, 12.7 standard errors to each side.
    assert [interval.low, interval.high] == pytest.approx([0.98 - 0.254, 0.98 + 0.254], rel=0.02)
    assert winner.intervals["ua"].mean == pytest.approx(winner.means["ua"]) == 0.75
    assert winner.intervals["ua"].low < 0.75 < winner.intervals["ua"].high
    assert target.base["ua"] == 0.125
    assert target.searched_base["erasure"] == 0.01


def test_a_chosen_member_is_judged_anew_by_itself(tmp_path: Path) -> None:
    record = pair(tmp_path, "winner")

    def judged(record: PairRecord) -> MethodResult:
        ((found,),) = (each.methods for each in results_of(comparison(tmp_path, record)).targets)
        return found

    # An erasure of 0.85 and alignments of 1 and 0.96, whatever the search had.
    winner = judged(record)
    assert winner.hypervolume_anew == pytest.approx(0.833)
    assert winner.anew == pytest.approx({101: 0.85, 102: 0.816})
    interval = winner.anew_interval
    assert interval is not None
    assert interval.mean == pytest.approx(0.833)
    # Of two trainings Student's t is 12.7 standard errors of their mean.
    assert interval.high - interval.low > 2 * 12.7 * 0.017

    def asked(**objectives: str) -> PairRecord:
        return replace(record, space=parse_space({**record.space.tree, "objectives": objectives}))

    turned = judged(asked(erasure="minimize", alignment="maximize"))
    assert turned.hypervolume_anew == pytest.approx(0.15 * 0.98)
    assert judged(replace(record, finals=())).hypervolume_anew is None
    # Where no axis is beside the concept's, nothing is known of it.
    (first, *_), space = record.finals, asked(cra="maximize", alignment="maximize").space
    assert first.report is not None
    metrics = {name: value for name, value in first.report.metrics.items() if name != "cra"}
    without = replace(first, report=first.report.model_copy(update={"metrics": metrics}))
    assert judged(replace(record, finals=(without,), space=space)).hypervolume_anew is None


def test_a_hypervolume_is_the_mean_of_all_searches_that_have_ended(tmp_path: Path) -> None:
    winner, loser = (pair(tmp_path, name) for name in ("winner", "loser"))
    going = replace(loser.sweep, status="running") if loser.sweep is not None else None
    again = tuple(
        AgainRecord(seed, winner.space, Path("none"), sweep)
        for seed, sweep in ((1, loser.sweep), (2, going), (3, None))
    )
    results = results_of(comparison(tmp_path, replace(winner, again=again)))
    ((method,),) = (target.methods for target in results.targets)
    best, worst = 0.99 * 0.97 + 0.9 * 0.03, 0.5 * 0.9 + 0.4 * 0.05
    assert method.searches == pytest.approx({0: best, 1: worst})
    assert method.hypervolume == pytest.approx((best + worst) / 2)
    # What is drawn is the first one's front; what was spent is all of them.
    assert [member.trial for member in method.front] == [0, 1]
    assert (method.complete, method.failed, method.sweep_seconds) == (8, 3, 110.0)
    assert not method.has_ended
    text = table_of_results(results)
    assert f"| {(best + worst) / 2:.4f} (2 searches: 0.4700 to 0.9873) |" in text
    assert "mean of several with seeds of their own" in text
    assert "winner: 3 of 11 trials failed; not searched with all seeds yet." in text
    alone = table_of_results(results_of(comparison(tmp_path, winner)))
    assert "with seeds of their own" not in alone
    write_results(comparison(tmp_path, replace(winner, again=again)))
    page = (tmp_path / "fronts-sneaker.html").read_text()
    assert "hypervolumes, means of 2 searches, the first of which is shown" in page


def test_a_first_search_without_a_complete_trial_is_told_of(tmp_path: Path) -> None:
    winner, none = pair(tmp_path, "winner"), sweep_of_trials(other_trial(0, "failed"))
    again = (AgainRecord(1, winner.space, Path("none"), winner.sweep),)
    record = replace(winner, sweep=none, chosen=None, finals=(), again=again)
    results = results_of(comparison(tmp_path, record))
    ((method,),) = (target.methods for target in results.targets)
    assert method.searches == pytest.approx({0: 0.0, 1: 0.99 * 0.97 + 0.9 * 0.03})
    assert method.has_ended
    assert not method.front
    assert "winner: no trial of the first search is complete" in table_of_results(results)


def test_a_divergence_is_reported_and_counts_in_no_mean(tmp_path: Path) -> None:
    record = comparison(tmp_path, diverged(pair(tmp_path, "winner")))
    results = results_of(record)
    ((method,),) = (target.methods for target in results.targets)
    assert [final.metrics is None for final in method.finals] == [True, False]
    assert method.means["alignment"] == pytest.approx(0.96)
    assert "NaN" not in results.to_json().replace("the loss is NaN", "")
    assert "winner: 1 of 3 trials failed; diverged with seed 101" in table_of_results(results)


def test_the_table_has_the_best_first_and_the_base_last(tmp_path: Path) -> None:
    pairs = (pair(tmp_path, "loser"), pair(tmp_path, "winner"), waiting("third"))
    lines = table_of_results(results_of(comparison(tmp_path, *pairs))).splitlines()
    end = next(place for place, line in enumerate(lines) if line.startswith("| minus"))
    rows = [line for line in lines[:end] if line.startswith("| ")]
    head, rule, *body = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert head[0] == "method"
    assert set(rule) == {"---"}
    assert [row[0] for row in body] == ["winner", "loser", "base"]
    assert {len(row) for row in (head, rule, *body)} == {9}
    cells = dict(zip(head, body[0], strict=True))
    assert cells["CLIP, share of the base's"].startswith("0.980 [0.7")
    assert cells["worst neighbour"] == "0.250"
    assert cells["hypervolume"] == "0.9873"
    assert re.fullmatch(r"0\.8330 \[.*\] \(2 trainings: 0\.8160 to 0\.8500\)", cells["judged anew"])
    assert cells["seconds a trial"] == "10.0"
    assert dict(zip(head, body[2], strict=True))["UA"] == "0.125"
    assert "Not run yet: third." in lines


def test_every_method_is_subtracted_from_by_the_first_of_the_file(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, "loser"), pair(tmp_path, "winner"), waiting("third")]
    # The winner's trainings keep less, by 0.02 and by 0.01 of the base's cosine of 0.5.
    judged = zip(pairs[1].finals, (0.49, 0.475), strict=True)
    finals = tuple(replace(final, report=report(clip)) for final, clip in judged)
    pairs[1] = replace(pairs[1], finals=finals)
    results = results_of(comparison(tmp_path, *pairs))
    (target,) = results.targets
    winner, loser = target.methods
    assert target.baseline == "loser"
    assert not loser.differences
    # Search trials without reports have a hypervolume, but no value prompt by prompt.
    measures = {"erasure", "ua", "ira", "cra", "alignment"}
    assert set(winner.differences) == {*measures, "hypervolume_anew"}
    assert winner.differences["hypervolume_anew"].mean == pytest.approx(0.85 * -0.015)
    found = winner.differences["alignment"]
    assert found.mean == pytest.approx(-0.015)
    # Seed by seed: 0.005 apart from their mean, where the trainings themselves are 0.02 apart.
    assert [found.low, found.high] == pytest.approx([-0.015 - 0.0635, -0.015 + 0.0635], rel=0.03)
    (row,) = (line for line in table_of_results(results).splitlines() if " -0.015 [" in line)
    assert row.startswith("| winner | +0.000 [+0.000, +0.000] |")
    assert "| minus loser | erasure | UA |" in table_of_results(results)


def test_only_seeds_that_both_have_are_subtracted(tmp_path: Path) -> None:
    pairs = (pair(tmp_path, "loser"), diverged(pair(tmp_path, "winner")))
    (target,) = results_of(comparison(tmp_path, *pairs)).targets
    # The second seed: two prompts that ask for the concept.
    assert target.methods[0].differences["ua"].count == 2


def test_several_targets_have_a_table_together(tmp_path: Path) -> None:
    pairs = [pair(tmp_path / "one", "loser"), pair(tmp_path / "one", "winner")]
    other = [
        replace(each, pair=Pair("neon", each.pair.method))
        for each in (pair(tmp_path / "two", "winner"), diverged(pair(tmp_path / "two", "loser")))
    ]
    results = results_of(comparison(tmp_path, *pairs, waiting("third"), *other))
    head, *rows = overview(results)
    assert head[:4] == ["method", "sneaker", "neon", "least UA"]
    cells = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    assert [row[0] for row in rows] == ["winner", "loser"]
    assert cells["winner"]["neon"] == "0.9873 → 0.8330"
    # 0.25 of the base's 0.125; of alignment 0.98 and, without the first training, 0.96.
    assert cells["loser"]["least IRA, share of the base's"] == "2.000"
    assert cells["winner"]["least CLIP, share of the base's"] == "0.980"
    assert cells["loser"]["least CLIP, share of the base's"] == "0.960"
    assert "| method | sneaker | neon |" in table_of_results(results)
    assert not overview(results_of(comparison(tmp_path, *pairs)))


def test_a_part_of_a_comparison_has_results_too(tmp_path: Path) -> None:
    record = comparison(tmp_path, waiting("third"))
    results = write_results(record)
    assert results.targets[0].waiting == ("third",)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", "table.md"]


def test_files_are_written_and_left_alone_while_nothing_changes(tmp_path: Path) -> None:
    record = comparison(tmp_path, pair(tmp_path, "winner"))
    results = write_results(record)
    files = {path.name: path for path in tmp_path.iterdir() if path.is_file()}
    assert files.keys() == {
        "results.json",
        "table.md",
        "fronts-sneaker.png",
        "fronts-sneaker.html",
        "gallery-sneaker.png",
    }
    assert json.loads(files["results.json"].read_text()) == json.loads(results.to_json())
    assert "<script src=" not in files["fronts-sneaker.html"].read_text()
    drawn = ("fronts-sneaker.png", "gallery-sneaker.png")
    before = {name: files[name].stat().st_mtime_ns for name in drawn}
    write_results(record)
    assert {name: files[name].stat().st_mtime_ns for name in drawn} == before
    files["gallery-sneaker.png"].unlink()
    write_results(record)
    assert files["gallery-sneaker.png"].is_file()
    write_results(comparison(tmp_path, pair(tmp_path / "more", "loser"), *record.pairs))
    assert files["fronts-sneaker.png"].stat().st_mtime_ns != before["fronts-sneaker.png"]


def test_a_gallery_has_the_base_and_then_a_row_a_method(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, "winner", level=1.0), pair(tmp_path, "loser", level=0.0)]
    path = tmp_path / "gallery.png"
    assert draw_target_gallery(pairs, path)
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("L"))
    # Pictures are 96 pixels wide and 4 apart; a line through the last one meets all three rows.
    column = pixels[:, -60]
    runs = [
        int(value) for value, before in zip(column[1:], column, strict=False) if value != before
    ]
    assert [level for level in runs if level in (0, 128)] == [0, 128]
    assert (column == 0).sum() == (column == 128).sum() == 96
    assert not draw_target_gallery([waiting("third")], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_a_gallery_of_a_sensitive_concept_is_blurred(tmp_path: Path) -> None:
    record = pair(tmp_path, "winner")
    kept = load_samples(record.finals[0].folder / "samples.safetensors")
    halves = torch.zeros_like(kept.after)
    halves[..., 4:] = 255
    questions = [[each.text, each.seed, each.names_concept] for each in kept.questions]
    save_file(
        {"before": kept.before, "after": halves},
        record.finals[0].folder / "samples.safetensors",
        {"questions": json.dumps(questions)},
    )

    def sharpest_edge(**evaluation: object) -> int:
        space = parse_space({**record.space.tree, "evaluation": evaluation})
        assert draw_target_gallery([replace(record, space=space)], tmp_path / "drawn.png")
        with Image.open(tmp_path / "drawn.png") as sheet:
            row = np.asarray(sheet.convert("L"))[-60, -100:-20].astype(int)
        return int(np.abs(np.diff(row)).max())

    assert sharpest_edge() == 255
    assert sharpest_edge(classifier={"object": {"nudenet": {}}}) < 12
    assert sharpest_edge(classifier={"object": {"nudenet": {}}}, blur=False) == 255


def target(fronts: dict[str, list[tuple[float, ...]]], *objectives: str) -> TargetResult:
    """Methods with these fronts."""
    methods = tuple(
        MethodResult(
            method=name,
            is_judged=True,
            has_ended=True,
            front=tuple(Member(number, values) for number, values in enumerate(front)),
            hypervolume=0.5,
            hypervolume_interval=None,
            searches={0: 0.5},
            complete=len(front),
            failed=0,
            sweep_seconds=1.0,
            chosen=0,
            settings={},
            finals=(),
            hypervolume_anew=None,
            anew_interval=None,
            anew={},
            means={},
            intervals={},
            differences={},
        )
        for name, front in fronts.items()
    )
    base = dict.fromkeys(objectives, 0.25)
    return TargetResult(
        "<t>", {}, dict.fromkeys(objectives, "maximize"), {}, base, "first", methods, ("later",)
    )


def test_methods_are_told_apart_by_shape_and_colour_whatever_their_rank() -> None:
    fronts: dict[str, list[tuple[float, ...]]] = {f"m{n:02d}": [(0.1, 0.2)] for n in range(20)}
    series = series_of(target(fronts, "erasure", "alignment"))
    looks = {each.method.method: (each.symbol, each.marker, each.colour) for each in series}
    assert len(looks) == len(set(looks.values())) == 20
    turned = series_of(target(dict(reversed(list(fronts.items()))), "erasure", "alignment"))
    for each in turned:
        assert (each.symbol, each.marker, each.colour) == looks[each.method.method]


def test_fronts_run_from_left_to_right() -> None:
    given = target({"a": [(0.9, 0.8), (0.5, 0.99)], "b": []}, "erasure", "alignment")
    (front,) = series_of(given)
    assert front.label == "a (0.5000)"
    assert front.points.tolist() == [[0.5, 0.99], [0.9, 0.8]]
    assert line_shape(given)[1] == "vh"


@pytest.mark.parametrize(
    ("objectives", "front"),
    [
        (("erasure",), [(0.9,), (0.8,)]),
        (("erasure", "alignment"), [(0.9, 0.8)]),
        (("erasure", "alignment", "cra"), [(0.9, 0.8, 0.1), (0.8, 0.9, 0.2)]),
    ],
)
def test_any_number_of_objectives_is_drawn(
    tmp_path: Path, objectives: tuple[str, ...], front: list[tuple[float, ...]]
) -> None:
    drawn = target({"a": front, "b": front}, *objectives)
    assert fronts_picture(drawn, tmp_path / "fronts.png")
    with Image.open(tmp_path / "fronts.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(10**6) or ()) > 2
    assert not fronts_picture(target({"a": []}, *objectives), tmp_path / "none.png")


def test_the_corner_that_most_fronts_reach_is_closed_up() -> None:
    near = [np.array([[0.99, 0.995], [0.5, 1.0]]), np.array([[0.98, 1.0]]), np.array([[1.0, 0.99]])]
    far = np.array([[0.2, 0.3]])
    window = close_up([*near, far], BOTH)
    assert window is not None
    for (low, high), best in ((window.x, 1.0), (window.y, 1.0)):
        assert 0.9 < low < high < 1.05
        assert low < best < high
    for front in near:
        assert any(inside(window, x, y) for x, y in front)
    assert not inside(window, 0.2, 0.3)


def test_the_base_counts_as_what_the_plot_shows() -> None:
    near = [np.array([[0.99, 0.99], [0.995, 0.98]]), np.array([[0.98, 1.0]])]
    assert close_up(near, BOTH) is None
    window = close_up(near, BOTH, (0.05, 1.0))
    assert window is not None
    assert not inside(window, 0.05, 1.0)
    assert all(inside(window, *front[0]) for front in near)


def test_less_may_be_better() -> None:
    near = [np.array([[0.01, 0.99]]), np.array([[0.02, 1.0]])]
    window = close_up([*near, np.array([[0.9, 0.2]])], ("minimize", "maximize"))
    assert window is not None
    assert inside(window, 0.01, 0.99)
    assert inside(window, 0.02, 1.0)
    assert not inside(window, 0.2, 1.0)


def test_without_a_corner_there_is_no_close_up() -> None:
    spread = [np.array([[0.1, 1.0], [1.0, 0.1]]), np.array([[0.2, 0.9], [0.9, 0.2]])]
    assert close_up(spread, BOTH) is None
    assert close_up([np.array([[0.9, 0.9]])], BOTH) is None
    assert close_up(spread, None) is None
    assert close_up([], BOTH) is None


def inside(window: Window, x: float, y: float) -> bool:
    assert all(map(math.isfinite, (*window.x, *window.y)))
    return window.x[0] < x < window.x[1] and window.y[0] < y < window.y[1]
