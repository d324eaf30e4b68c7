"""Pictures for reports: whatever there is of a sweep is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pipeline.config import Objective
from pipeline.tracking import Row, Table
from pipeline.tracking.figures import hypervolume_picture, pareto_picture
from pipeline.tracking.parameter_figures import importance_picture, parallel_picture

BOTH: dict[str, Objective] = {"erasure": "maximize", "alignment": "maximize"}
SCORES = ((0.9, 0.8), (0.5, 0.99), (0.4, 0.7), (0.99, 0.3))


def table(objectives: dict[str, Objective] | None = None, count: int = 4) -> Table:
    objectives = BOTH if objectives is None else objectives
    rows = [
        Row(
            number,
            "complete",
            {"update.restriction": "gradient", "update.learning_rate": 1.25e-4},
            dict(zip(objectives, (*scores, 0.5), strict=False)),
            (*scores, 0.5)[: len(objectives)],
        )
        for number, scores in enumerate(SCORES[:count])
    ]
    failed = Row(len(rows), "failed", {}, {}, None, "NaN")
    base = {"erasure": 0.02, "alignment": 1.0}
    return Table("<tiny>", objectives, base, (*rows, failed))


@pytest.mark.parametrize(
    "objectives",
    [
        BOTH,
        {"erasure": "maximize"},
        {"erasure": "maximize", "alignment": "maximize", "cra": "minimize"},
        {"erasure": "minimize", "alignment": "maximize"},
    ],
)
@pytest.mark.parametrize("count", [0, 1, 4])
def test_any_objectives_and_any_number_of_trials_are_drawn(
    tmp_path: Path, objectives: dict[str, Objective], count: int
) -> None:
    drawn = table(objectives, count)
    for draw in (pareto_picture, hypervolume_picture):
        draw(drawn, tmp_path / "figure.png")
        assert colours(tmp_path / "figure.png") > 2


def colours(path: Path) -> int:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return len(picture.convert("RGB").getcolors(10**6) or ())


def test_a_reference_is_drawn_beside_the_hypervolume(tmp_path: Path) -> None:
    hypervolume_picture(table(), tmp_path / "alone.png")
    hypervolume_picture(table(), tmp_path / "beside.png", table(count=2))
    assert (tmp_path / "alone.png").read_bytes() != (tmp_path / "beside.png").read_bytes()


def test_parameters_are_drawn_whatever_their_kind(tmp_path: Path) -> None:
    path = tmp_path / "parallel.png"
    assert parallel_picture(table(), path, {"update.learning_rate": True})
    assert colours(path) > 2
    assert not parallel_picture(table(count=0), path, {})
    rows = [
        Row(number, "complete", {"a": [None, "x", "y"][number], "b": 2.0 + number}, values, (v, v))
        for number, v in enumerate((0.1, 0.5, 0.9))
        for values in [{"erasure": v, "alignment": v}]
    ]
    assert parallel_picture(Table("t", BOTH, {}, tuple(rows)), path, {"b": True})


@pytest.mark.parametrize("value", [None, r"attn2$|\w+_k$", "to_k$|^attn__k$"])
def test_settings_that_all_drew_alike_are_drawn(value: str | None, tmp_path: Path) -> None:
    """Nothing at all, and patterns, whose dollars are no formula's."""
    values = {"erasure": 0.5, "alignment": 0.5}
    row = Row(0, "complete", {"a": value}, values, (0.5, 0.5))
    assert parallel_picture(Table("t", BOTH, {}, (row,)), tmp_path / "parallel.png", {})


def test_importances_are_drawn_for_each_objective(tmp_path: Path) -> None:
    path = tmp_path / "importance.png"
    found = {"erasure": {"a": 0.7, "b": 0.3}, "alignment": {"b": 0.6, "a": 0.4}}
    assert importance_picture(found, path, "tiny")
    assert colours(path) > 2
    assert not importance_picture({}, path, "tiny")
