"""The fronts of all methods on a target in one picture; `page` has them to explore."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipeline.tracking.comparison.close_up import close_up
from pipeline.tracking.comparison.results import TargetResult
from pipeline.tracking.comparison.series import (
    Series,
    axis_titles,
    base_point,
    directions_of,
    has_line,
    line_shape,
    series_of,
)

_BASE: Final = "#000000"


def fronts_picture(target: TargetResult, path: Path) -> bool:
    """Draw all fronts, and close up the corner that most of them reach; False if there is none.

    The member that was chosen of each front has a ring. Of more than two objectives the first two
    are drawn, of one its values over trials.
    """
    series = series_of(target)
    if not series:
        return False
    window = close_up([each.points for each in series], directions_of(target), base_point(target))
    count = 1 if window is None else 2
    figure = Figure(figsize=(6.5 * count, 5.5), dpi=120, layout="constrained")
    several = any(len(each.method.searches) > 1 for each in series)
    what = (
        "hypervolume, mean of all searches;\nfronts of the first ones" if several else "hypervolume"
    )
    figure.suptitle(f"{target.target}: fronts of all methods ({what})")
    whole = _plot(figure, target, 1, count)
    _draw(whole, target, series, ringed=window is None)
    if window is not None:
        near = _plot(figure, target, 2, count)
        _draw(near, target, series, ringed=True)
        near.set(xlim=window.x, ylim=window.y)
        near.set_title("close up; rings: the chosen ones", fontsize="medium")
    handles, names = whole.get_legend_handles_labels()
    columns = 2 * count
    figure.legend(
        handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize="medium"
    )
    FigureCanvasAgg(figure).print_png(str(path))
    return True


def _draw(plot: Axes, target: TargetResult, series: list[Series], *, ringed: bool) -> None:
    for each in series:
        across, up = each.points[:, 0], each.points[:, 1]
        if has_line(target):
            plot.plot(across, up, color=each.colour, drawstyle=line_shape(target)[0], lw=1)
        plot.scatter(
            across, up, s=45, color=each.colour, marker=each.marker, label=each.label, zorder=3
        )
        ring = [ringed and member.trial == each.method.chosen for member in each.members]
        plot.scatter(
            across[ring], up[ring], s=190, facecolors="none", edgecolors=each.colour, zorder=2
        )
    base = base_point(target)
    if base is not None:
        plot.scatter(*base, marker="x", s=70, color=_BASE, label="base model", zorder=3)


def _plot(figure: Figure, target: TargetResult, place: int, count: int) -> Axes:
    plot = figure.add_subplot(1, count, place)
    x, y = axis_titles(target)
    plot.set(xlabel=x, ylabel=y)
    plot.grid(alpha=0.25)
    plot.spines[["top", "right"]].set_visible(False)
    return plot
