"""Figures: what is drawn, and that it stands alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.config import Objective
from pipeline.tracking import Row, Table
from pipeline.tracking.figures import (
    hypervolume_page,
    hypervolume_picture,
    pareto_page,
    pareto_picture,
    write_page,
)

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


def traces(figure: Any) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data if trace.name}


def test_front_dominated_trials_and_base_are_told_apart() -> None:
    drawn = traces(pareto_page(table()))
    assert list(drawn["front"].customdata) == [1, 0, 3]
    assert list(drawn["dominated"].customdata) == [2]
    assert (drawn["base model"].x[0], drawn["base model"].y[0]) == (0.02, 1.0)
    symbols = {trace.marker.symbol for trace in drawn.values()}
    assert len(symbols) == 3  # by shape as well as by colour


def test_hovering_shows_parameters_and_metrics() -> None:
    text = traces(pareto_page(table()))["front"].hovertext[0]
    for part in ("trial 1", "erasure = 0.5", "update.learning_rate = 0.000125", "gradient"):
        assert part in text


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    write_page(pareto_page(table()), tmp_path / "pareto.html")
    page = (tmp_path / "pareto.html").read_text()
    assert "<script src=" not in page
    assert "Plotly.newPlot" in page
    assert "<tiny>" not in page.replace("\\u003c", "<").partition("Plotly.newPlot")[0]


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
    points = sum(len(trace.x) for trace in traces(pareto_page(drawn)).values())
    with_base = len(objectives) > 1
    assert points == count + with_base
    assert len(hypervolume_page(drawn).data[0].x) == count
    for draw in (pareto_picture, hypervolume_picture):
        draw(drawn, tmp_path / "figure.png")
        with Image.open(tmp_path / "figure.png") as picture:
            assert picture.format == "PNG"
            assert len(picture.convert("RGB").getcolors(10**6) or ()) > 2


def test_the_line_bounds_what_the_front_dominates() -> None:
    figure = pareto_page(table({"erasure": "maximize", "alignment": "maximize"}))
    (line,) = [trace for trace in figure.data if trace.mode == "lines"]
    # From (0.5, 0.99) down to 0.8, then across to (0.9, 0.8).
    assert line.line.shape == "vh"
    figure = pareto_page(table({"erasure": "minimize", "alignment": "maximize"}))
    (line,) = [trace for trace in figure.data if trace.mode == "lines"]
    assert line.line.shape == "hv"
