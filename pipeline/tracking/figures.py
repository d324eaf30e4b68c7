"""The Pareto front and its hypervolume, as pages to explore and as pictures for reports.

Pages come from Plotly, pictures from matplotlib (Plotly's pictures need a browser). Groups of
trials differ by shape and filling as well as by colour; the colours are Okabe and Ito's, which
people with any of the usual colour blindnesses tell apart.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.config import Objective
from pipeline.tracking.table import Row, Table

_FRONT: Final = "#D55E00"
_OTHERS: Final = "#56779B"
_BASE: Final = "#000000"


@dataclass(frozen=True)
class _Axes:
    """What the Pareto figure's axes show: two objectives, or one over trials."""

    x: str | None
    y: str
    x_direction: Objective | None
    y_direction: Objective

    def of(self, table: Table, row: Row) -> tuple[float, float]:
        # Complete trials alone are drawn, and those have values.
        values = dict(zip(table.objectives, row.values or (), strict=True))
        return (float(row.trial) if self.x is None else values[self.x]), values[self.y]

    @property
    def titles(self) -> tuple[str, str]:
        x = "trial" if self.x is None else _title(self.x, self.x_direction)
        return x, _title(self.y, self.y_direction)


def pareto_page(table: Table) -> go.Figure:
    """The front, dominated trials and the base model; hovering shows a trial's parameters.

    With more than two objectives the first two are drawn, and the front is that of all of them;
    with one, its values over trials.
    """
    axes = _axes(table)
    front, others = _groups(table, axes)
    figure = go.Figure()
    figure.add_trace(
        _markers(table, axes, others, "dominated", symbol="circle-open", color=_OTHERS, size=9)
    )
    if axes.x is not None and len(table.objectives) == 2:  # noqa: PLR2004
        figure.add_trace(_staircase(table, axes, front))
    figure.add_trace(_markers(table, axes, front, "front", symbol="diamond", color=_FRONT, size=12))
    base = _base_point(table, axes)
    if base is not None:
        figure.add_trace(
            go.Scatter(
                x=[base[0]],
                y=[base[1]],
                name="base model",
                mode="markers+text",
                text=["base"],
                textposition="top center",
                marker={"symbol": "x", "size": 12, "color": _BASE},
                hovertext=[_lines("base model", dict(table.base), {})],
                hoverinfo="text",
            )
        )
    elif axes.x is None and axes.y in table.base:
        figure.add_hline(table.base[axes.y], line_dash="dot", annotation_text="base")
    figure.update_layout(
        title={"text": f"{html.escape(table.sweep)}: {_counts(table)}"},
        xaxis_title=axes.titles[0],
        yaxis_title=axes.titles[1],
        template="plotly_white",
        legend={"orientation": "h", "y": -0.15},
        hoverlabel={"align": "left"},
    )
    return figure


def pareto_picture(table: Table, path: Path) -> None:
    """The same as a PNG: all trials on the left, the front close up on the right.

    Members of the front carry their trial's number; one failed erasure would otherwise push them
    all into a corner.
    """
    axes = _axes(table)
    front, _ = _groups(table, axes)
    points = [axes.of(table, row) for row in front]
    title = f"{table.sweep}: {_counts(table)}"
    if len(points) < 2:  # noqa: PLR2004
        figure, whole = _canvas(title, *axes.titles)
        _draw_front(table, axes, whole)
    else:
        figure, whole, near = _two_canvases(title, *axes.titles)
        _draw_front(table, axes, whole)
        _draw_front(table, axes, near, numbered=True)
        across, up = zip(*points, strict=True)
        near.set_xlim(*_around(across))
        near.set_ylim(*_around(up))
        near.set_title("the front, close up", fontsize="medium")
    if whole.has_data():
        handles, names = whole.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    _write(figure, path)


def _around(values: tuple[float, ...]) -> tuple[float, float]:
    margin = 0.15 * (max(values) - min(values)) or 0.01
    return min(values) - margin, max(values) + margin


def _draw_front(table: Table, axes: _Axes, plot: Axes, *, numbered: bool = False) -> None:
    front, others = _groups(table, axes)
    if others:
        plot.scatter(
            *zip(*[axes.of(table, row) for row in others], strict=True),
            facecolors="none",
            edgecolors=_OTHERS,
            label="dominated",
        )
    if front:
        points = [axes.of(table, row) for row in front]
        if axes.x is not None and len(table.objectives) == 2:  # noqa: PLR2004
            plot.plot(*zip(*points, strict=True), color=_FRONT, drawstyle=_drawstyle(axes), lw=1)
        plot.scatter(*zip(*points, strict=True), marker="D", color=_FRONT, label="front", zorder=3)
        for row, point in zip(front if numbered else [], points, strict=False):
            plot.annotate(str(row.trial), point, (6, 4), textcoords="offset points", fontsize=8)
    base = _base_point(table, axes)
    if base is not None:
        plot.scatter(*base, marker="x", s=70, color=_BASE, label="base model", zorder=3)
    elif axes.x is None and axes.y in table.base:
        plot.axhline(table.base[axes.y], color=_BASE, ls=":", label="base model")


def hypervolume_page(table: Table) -> go.Figure:
    """How much the front covers after each trial."""
    history = table.hypervolume()
    figure = go.Figure(
        go.Scatter(
            x=list(history),
            y=list(history.values()),
            mode="lines+markers",
            line={"shape": "hv", "color": _FRONT},
            hovertemplate="trial %{x}<br>hypervolume %{y:.4f}<extra></extra>",
        )
    )
    figure.update_layout(
        title={"text": f"{html.escape(table.sweep)}: hypervolume over trials"},
        xaxis_title="trial",
        yaxis_title="hypervolume",
        template="plotly_white",
    )
    return figure


def hypervolume_picture(table: Table, path: Path) -> None:
    """The same as a PNG."""
    history = table.hypervolume()
    figure, plot = _canvas(f"{table.sweep}: hypervolume over trials", "trial", "hypervolume")
    plot.plot(
        list(history), list(history.values()), color=_FRONT, marker=".", drawstyle="steps-post"
    )
    plot.xaxis.set_major_locator(MaxNLocator(integer=True))
    _write(figure, path)


def write_page(figure: go.Figure, path: Path) -> None:
    """Write a page that needs no network: Plotly's program is inside."""
    figure.write_html(path, include_plotlyjs=True, full_html=True)


def _axes(table: Table) -> _Axes:
    (first, direction), *rest = table.objectives.items()
    if not rest:
        return _Axes(None, first, None, direction)
    second, second_direction = rest[0]
    return _Axes(first, second, direction, second_direction)


def _groups(table: Table, axes: _Axes) -> tuple[list[Row], list[Row]]:
    complete = [row for row in table.rows if row.values is not None]
    complete.sort(key=lambda row: axes.of(table, row))
    front = [row for row in complete if row.trial in table.front]
    return front, [row for row in complete if row.trial not in table.front]


def _markers(table: Table, axes: _Axes, rows: list[Row], name: str, **marker: Any) -> go.Scatter:
    points = [axes.of(table, row) for row in rows]
    return go.Scatter(
        x=[x for x, _ in points],
        y=[y for _, y in points],
        name=name,
        mode="markers",
        marker=marker | {"line": {"width": 2, "color": marker["color"]}},
        customdata=[row.trial for row in rows],
        hovertext=[
            _lines(f"trial {row.trial} ({name})", dict(row.metrics), dict(row.params))
            for row in rows
        ],
        hoverinfo="text",
    )


def _staircase(table: Table, axes: _Axes, front: list[Row]) -> go.Scatter:
    points = [axes.of(table, row) for row in front]
    return go.Scatter(
        x=[x for x, _ in points],
        y=[y for _, y in points],
        mode="lines",
        line={
            "shape": "vh" if axes.x_direction == "maximize" else "hv",
            "color": _FRONT,
            "width": 1,
        },
        hoverinfo="skip",
        showlegend=False,
    )


def _drawstyle(axes: _Axes) -> str:
    return "steps-pre" if axes.x_direction == "maximize" else "steps-post"


def _base_point(table: Table, axes: _Axes) -> tuple[float, float] | None:
    if axes.x is None or axes.x not in table.base or axes.y not in table.base:
        return None
    return table.base[axes.x], table.base[axes.y]


def _lines(title: str, metrics: dict[str, float], params: dict[str, Any]) -> str:
    numbers = [f"{html.escape(name)} = {value:.4g}" for name, value in metrics.items()]
    chosen = [f"{html.escape(name)} = {_short(value)}" for name, value in params.items()]
    return "<br>".join([f"<b>{title}</b>", *numbers, *(["", *chosen] if chosen else [])])


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))


def _counts(table: Table) -> str:
    states = [row.state for row in table.rows]
    parts = [f"{len(table.front)} on the front", f"{states.count('complete')} complete"]
    parts += [f"{states.count(s)} {s}" for s in ("failed", "pruned", "running") if s in states]
    return ", ".join(parts)


def _title(objective: str, direction: Objective | None) -> str:
    return f"{objective} ({'more' if direction == 'maximize' else 'less'} is better)"


def _canvas(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 5.5), dpi=110, layout="constrained")
    return figure, _plot(figure, title, x, y, place=1, of=1)


def _two_canvases(title: str, x: str, y: str) -> tuple[Figure, Axes, Axes]:
    figure = Figure(figsize=(11, 5), dpi=110, layout="constrained")
    return figure, _plot(figure, title, x, y, place=1, of=2), _plot(figure, "", x, y, place=2, of=2)


def _plot(figure: Figure, title: str, x: str, y: str, *, place: int, of: int) -> Axes:
    plot = figure.add_subplot(1, of, place)
    plot.set(title=title, xlabel=x, ylabel=y)
    plot.grid(alpha=0.25)
    plot.spines[["top", "right"]].set_visible(False)
    return plot


def _write(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure).print_png(str(path))
