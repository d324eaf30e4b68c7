"""What a page holds: every trial's numbers, pictures of a bounded number, and nothing twice."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from pipeline.tracking.comparison.summary import results_of
from pipeline.tracking.page.comparison_data import comparison_data
from pipeline.tracking.page.details import DetailReader, summary_of
from pipeline.tracking.page.document import as_json, write_document
from pipeline.tracking.page.sweep_data import SweepPages
from pipeline.tracking.page.trial_data import GALLERIES
from pipeline.tracking.table import table_of
from tests.tracking.comparisons import comparison, pair, waiting
from tests.tracking.sweeps import SCORES, SPACE, STEPS, Sweep


def data_of(sweep: Sweep) -> dict[str, Any]:
    record = sweep.record
    return SweepPages().data(record, table_of(record))


def test_every_trial_is_there_with_its_numbers(sweep: Sweep) -> None:
    sweep.fail(sweep.begin(), "DivergedError: NaN")
    sweep.prune(sweep.begin())
    data = data_of(sweep)
    trials = data["trials"]
    assert [trial["n"] for trial in trials] == list(range(6))
    assert [trial["f"] for trial in trials] == [True, True, False, True, False, False]
    assert [trial["s"] for trial in trials][4:] == ["failed", "pruned"]
    assert data["metrics"][:2] == ["erasure", "alignment"]
    assert trials[0]["m"][:2] == list(SCORES[0])
    names = [each["name"] for each in data["params"]]
    assert dict(zip(names, trials[2]["p"], strict=True)) == sweep.record.trials[2].params
    logarithmic = {each["name"] for each in data["params"] if each["log"]}
    assert logarithmic == {"update.learning_rate"}
    assert data["base"][:2] == [0.02, 1.0]


def test_the_base_s_pictures_are_there_once(sweep: Sweep) -> None:
    data = data_of(sweep)
    assert len(data["sets"]) == 1
    assert [trial["set"] for trial in data["trials"]] == [0] * 4
    assert len({trial["after"] for trial in data["trials"]}) == 4
    assert data["left_out"] is None


def test_of_many_trials_the_front_s_galleries_are_there_and_the_page_says_so(
    tmp_path: Path,
) -> None:
    count = GALLERIES + 3
    scores = tuple((0.1 + 0.001 * number, 0.9 - 0.001 * number) for number in range(3))
    beaten = tuple((0.01, 0.001 * number) for number in range(count - 3))
    data = data_of(Sweep(tmp_path / "sweeps" / "tiny", (*scores, *beaten)))
    whole = [trial["n"] for trial in data["trials"] if "after" in trial]
    assert whole == [0, 1, 2]
    assert all("small" in trial for trial in data["trials"])
    assert f"the other {count - 3}" in data["left_out"]
    curves = [trial["n"] for trial in data["trials"] if "points" in trial["t"]["cosine"]]
    assert curves == [0, 1, 2]
    assert all("mean" in trial["t"]["conflict"] for trial in data["trials"])


def test_trials_without_small_pictures_are_shown_too(sweep: Sweep) -> None:
    (sweep.trial(1) / "thumbnails.json").unlink()
    (sweep.trial(2) / "thumbnails.json").write_text('{"questions": []}')
    trials = data_of(sweep)["trials"]
    assert ["set" in trial for trial in trials] == [True, False, False, True]


def test_what_has_not_changed_is_not_read_again(sweep: Sweep) -> None:
    pages = SweepPages()
    record = sweep.record
    before = pages.data(record, table_of(record))
    for trial in record.trials:
        (trial.folder / "thumbnails.json").unlink()
        (trial.folder / "telemetry.jsonl").unlink()
    assert pages.data(record, table_of(record)) == before


def test_a_trial_that_still_runs_is_read_after_its_end(sweep: Sweep) -> None:
    pages = SweepPages()
    number = sweep.begin()
    record = sweep.record
    assert "set" not in pages.data(record, table_of(record))["trials"][number]
    sweep.finish(number, 0.95, 0.9)
    record = sweep.record
    assert "set" in pages.data(record, table_of(record))["trials"][number]


def test_the_first_looks_are_the_balanced_one_and_each_objective_s_best(sweep: Sweep) -> None:
    looks = {each["label"]: each["trial"] for each in data_of(sweep)["highlights"]}
    assert looks == {"most to spare on all sides": 0, "highest erasure": 3, "highest alignment": 1}


def test_random_search_is_a_second_line_where_there_is_one(sweep: Sweep) -> None:
    text = SPACE.replace("sampler: random", "sampler: tpe")
    mine = Sweep(sweep.folder.parent / "mine", SCORES[:2], text=text)
    own, random = data_of(mine)["volumes"]
    assert own["trials"] == [0, 1]
    assert random["group"] is None
    assert random["trials"] == [0, 1, 2, 3]
    assert "tiny" in random["name"]


def test_json_ends_no_element_and_knows_no_nan() -> None:
    text = as_json({"</script>": ["<!--", "&amp;", math.nan, -math.inf, 0.123456789, 7, True]})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"</script>": ["<!--", "&amp;", None, None, 0.123457, 7, True]}


def test_the_page_stands_alone(sweep: Sweep, tmp_path: Path) -> None:
    write_document(data_of(sweep), tmp_path / "pareto.html")
    page = (tmp_path / "pareto.html").read_text()
    assert "<script src=" not in page
    assert "<link" not in page
    assert "default-src 'none'" in page
    for mark in ("STYLE", "PLOTLY", "PROGRAM", "DATA"):
        assert f"<!--{mark}-->" not in page


def test_telemetry_is_thinned_and_its_means_are_of_all_steps() -> None:
    records = {step: {"cosine": float(step), "conflict": float(step % 2)} for step in range(1, 501)}
    records[501] = {"skipped": 1.0}
    found = summary_of(records)
    assert found is not None
    assert found["cosine"]["mean"] == pytest.approx(250.5)
    assert found["conflict"]["mean"] == 0.5
    points = found["conflict"]["points"]
    assert len(points) == 60
    assert points[-1][0] == 500
    assert all(0.3 < value < 0.7 for _, value in points)
    assert summary_of({1: {"skipped": 1.0}}) is None


def test_a_short_training_keeps_every_step(sweep: Sweep) -> None:
    telemetry = DetailReader().read(sweep.trial(0)).telemetry
    assert telemetry is not None
    assert [step for step, _ in telemetry["cosine"]["points"]] == list(STEPS)


def test_a_comparison_has_its_methods_as_groups(tmp_path: Path) -> None:
    pairs = (pair(tmp_path, "loser"), pair(tmp_path, "winner"), waiting("third"))
    record = comparison(tmp_path, *pairs)
    (target,) = results_of(record).targets
    data = comparison_data(record, target)
    assert [group["name"] for group in data["groups"]] == ["winner", "loser"]
    assert len({(group["colour"], group["symbol"]) for group in data["groups"]}) == 2
    assert [trial["g"] for trial in data["trials"]] == [0, 0, 0, 1, 1, 1, 1]
    chosen = [(trial["g"], trial["n"]) for trial in data["trials"] if trial.get("c")]
    assert chosen == [(0, 0), (1, 0)]
    assert [trial["f"] for trial in data["trials"]] == [True, True, False, True, True, False, False]
    assert "not run yet: third" in data["title"]
    assert [line["group"] for line in data["volumes"]] == [0, 1]
