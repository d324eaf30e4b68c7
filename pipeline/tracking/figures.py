"""The Pareto front and its hypervolume as pictures for reports; `page` has them to explore.

Groups of trials differ by shape and filling as well as by colour; the colours are Okabe and Ito's,
which people with any of the usual colour blindnesses tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

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


def pareto_picture(table: Table, path: Path) -> None:
    """Draw the front as a PNG: all trials on the left, the front close up on the right.

    With more than two objectives the first two are drawn, and the front is that of all of them;
    with one, its values over trials. Members of the front carry their trial's number; one failed
    erasure would otherwise push them all into a corner.
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


def hypervolume_picture(table: Table, path: Path, reference: Table | None = None) -> None:
    """How much the front covers after each trial, beside a reference's if there is one."""
    figure, plot = _canvas(f"{table.sweep}: hypervolume over trials", "own trials", "hypervolume")
    for each, colour, line in ((reference, _BASE, ":"), (table, _FRONT, "-")):
        trials, values = ([], []) if each is None else each.volumes()
        if each is not None and trials:
            name = table.sweep if each is table else "random search of the same space"
            plot.plot(trials, values, color=colour, ls=line, ds="steps-post", label=name)
    if reference is not None:
        plot.legend(frameon=False)
    plot.xaxis.set_major_locator(MaxNLocator(integer=True))
    _write(figure, path)


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


def _drawstyle(axes: _Axes) -> str:
    return "steps-pre" if axes.x_direction == "maximize" else "steps-post"


def _base_point(table: Table, axes: _Axes) -> tuple[float, float] | None:
    if axes.x is None or axes.x not in table.base or axes.y not in table.base:
        return None
    return table.base[axes.x], table.base[axes.y]


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
