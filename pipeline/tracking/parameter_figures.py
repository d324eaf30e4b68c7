"""Pictures of parameters for reports: against the objectives, and how much each one matters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipeline.tracking.table import Row, Table

_FRONT: Final = "#D55E00"
_OTHERS: Final = "#56779B"
_COLOURS: Final = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")
_HATCHES: Final = ("", "//", "..", "xx")
_MANY: Final = 100  # dominated trials, whose lines are fainter


def parallel_picture(table: Table, path: Path, logarithmic: Mapping[str, bool]) -> bool:
    """Draw a line a trial through its parameters to its objectives; False without any.

    Args:
        table: of a sweep.
        path: of the PNG.
        logarithmic: by path, whether a parameter is drawn by its logarithm.
    """
    complete, _ = table.results()
    names = list(dict.fromkeys(name for row in complete for name in row.params))
    if not complete or not names:
        return False
    columns = [
        *([row.params.get(name) for row in complete] for name in names),
        *([row.metrics.get(name) for row in complete] for name in table.objectives),
    ]
    titles = [*names, *table.objectives]
    axes = [
        _axis(values, is_log=logarithmic.get(title, False))
        for title, values in zip(titles, columns, strict=True)
    ]
    figure = Figure(figsize=(max(8, 1.35 * len(axes)), 5), dpi=110, layout="constrained")
    plot = figure.add_subplot()
    heights = np.array([axis[0] for axis in axes])  # (axes, complete trials), NaN where it has none
    _draw_lines(plot, heights, complete, table)
    for place, (_, ticks) in enumerate(axes):
        plot.axvline(place, color="#888888", lw=0.8, zorder=1)
        for height, text in ticks:
            plot.annotate(
                text,
                (place, height),
                (3, 2),
                textcoords="offset points",
                fontsize=7,
                zorder=5,
                parse_math=False,  # a pattern's two dollars are no formula
            )
    plot.set_xticks(range(len(axes)), [_wrapped(title) for title in titles], fontsize=8)
    plot.set_yticks([])
    plot.spines[:].set_visible(False)
    plot.set_title(f"{table.sweep}: parameters against objectives")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    FigureCanvasAgg(figure).print_png(str(path))
    return True


def importance_picture(
    importances: Mapping[str, Mapping[str, float]], path: Path, title: str
) -> bool:
    """Draw bars of each parameter's importance for each objective; False without any."""
    if not importances:
        return False
    names = list(next(iter(importances.values())))[::-1]
    figure = Figure(figsize=(8, 1.2 + 0.5 * len(names)), dpi=110, layout="constrained")
    plot = figure.add_subplot()
    width = 0.8 / len(importances)
    for place, (objective, found) in enumerate(importances.items()):
        plot.barh(
            [row + 0.4 - (place + 0.5) * width for row in range(len(names))],
            [found.get(name, 0.0) for name in names],
            height=width,
            label=objective,
            color=_COLOURS[place % len(_COLOURS)],
            hatch=_HATCHES[place % len(_HATCHES)],
            edgecolor="white",
        )
    plot.set_yticks(range(len(names)), names, fontsize=8)
    plot.set(title=f"{title}: which parameters matter", xlabel="share of the importance")
    plot.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(importances), frameon=False)
    FigureCanvasAgg(figure).print_png(str(path))
    return True


def _axis(values: Sequence[Any], *, is_log: bool) -> tuple[list[float], list[tuple[float, str]]]:
    """Where each value crosses an axis from 0 to 1, and what stands at which height."""
    known = [value for value in values if value is not None]
    if not known:
        return [math.nan] * len(values), []
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        kinds = sorted({str(value) for value in known})
        places = dict(zip(kinds, np.linspace(0, 1, len(kinds)).tolist(), strict=True))
        heights = [math.nan if value is None else places[str(value)] for value in values]
        return heights, [(height, kind) for kind, height in places.items()]
    put = math.log if is_log else float
    low, high = put(min(known)), put(max(known))
    if high <= low:
        return [math.nan if value is None else 0.5 for value in values], [(0.5, f"{known[0]:.3g}")]
    heights = [math.nan if value is None else (put(value) - low) / (high - low) for value in values]
    return heights, [(0.0, f"{min(known):.3g}"), (1.0, f"{max(known):.3g}")]


def _draw_lines(plot: Axes, heights: np.ndarray[Any, Any], rows: list[Row], table: Table) -> None:
    members = [row.trial in table.front for row in rows]
    faint = 0.2 if len(rows) > _MANY else 0.5
    for is_front, name in ((False, "dominated"), (True, "front")):
        looks: dict[str, Any] = (
            {"color": _FRONT, "lw": 1.8, "marker": "D", "ms": 4, "zorder": 3}
            if is_front
            else {"color": _OTHERS, "lw": 0.8, "alpha": faint, "zorder": 2}
        )
        chosen = [place for place, member in enumerate(members) if member == is_front]
        # One line with gaps: a thousand lines of their own take seconds.
        across = np.tile([*range(len(heights)), math.nan], len(chosen))
        up = np.concatenate([heights[:, chosen], np.full((1, len(chosen)), math.nan)]).T.ravel()
        if chosen:
            plot.plot(across, up, label=name, **looks)


def _wrapped(path: str) -> str:
    return path.replace(".", ".\n")
