"""The table of a comparison: who wins, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.evaluation.intervals import Interval
from pipeline.tracking.comparison.overview import overview
from pipeline.tracking.comparison.results import MethodResult, Results, TargetResult

_MEASURES: Final = {
    "ua": "UA",
    "ira": "IRA",
    "cra": "CRA",
    "worst_neighbour": "worst neighbour",
    "alignment": "CLIP, share of the base's",
}
_DIFFERENCES: Final = {
    "erasure": "erasure",
    "ua": "UA",
    "ira": "IRA",
    "cra": "CRA",
    "alignment": "CLIP, share of the base's",
    "hypervolume": "hypervolume",
    "hypervolume_anew": "judged anew",
}
_NOTHING: Final = "–"  # noqa: RUF001 - a dash, as tables have it


def table_of_results(results: Results) -> str:
    """One table a target, a method a row, largest hypervolume first, and the base's own row.

    Before them, where there are several targets, one of all.
    """
    judgement = results.judgement
    seeds = ", ".join(map(str, judgement["seeds"]))
    caption = (
        "UA, IRA, CRA, worst neighbour and CLIP: the chosen member of each front, trained anew "
        f"with the seeds {seeds} and judged by the second classifier on fresh pictures "
        f"({judgement['repeats']} a prompt, seed {judgement['judging_seed']}). Hypervolume and "
        f"seconds: the search{_of_searches(results)}. Judged anew: the hypervolume of that chosen "
        "member by itself; in the first table it stands behind the arrow. In brackets: 95 % "
        "intervals, over prompts by bootstrap and, where there are several seeds, over these by "
        "Student's t; and the least and the most of several seeds. Differences: on the same "
        "prompts and the seeds that both methods have; **bold** where the interval does not hold "
        "zero."
    )
    head = [f"# {results.comparison}", "", caption, *_table_of(overview(results))]
    return "\n".join([*head, *(line for each in results.targets for line in _table(each))]) + "\n"


def _of_searches(results: Results) -> str:
    """What a mean of several searches means, where there is one."""
    counts = [len(method.searches) for target in results.targets for method in target.methods]
    if max(counts, default=0) <= 1:
        return ""
    return (
        ", mean of several with seeds of their own; fronts, pictures and chosen members are the "
        "first one's"
    )


def _table(target: TargetResult) -> list[str]:
    titles = ["method", *_MEASURES.values(), "hypervolume", "judged anew", "seconds a trial"]
    rows = [_row(method) for method in target.methods]
    if target.base:
        base = [_number(target.base, name) for name in _MEASURES]
        rows.append(["base", *base, _NOTHING, _NOTHING, _NOTHING])
    lines = ["", f"## {target.target}", *(_table_of([titles, *rows]) if rows else [""])]
    remarks = [remark for method in target.methods for remark in _remarks(method)]
    if target.waiting:
        remarks.append(f"Not run yet: {', '.join(target.waiting)}.")
    return [*lines, *([""] if rows and remarks else []), *remarks, *_differences(target)]


def _differences(target: TargetResult) -> list[str]:
    """What every method has more than the baseline."""
    others = [method for method in target.methods if method.differences]
    if not others:
        return []
    rows = [
        [f"minus {target.baseline}", *_DIFFERENCES.values()],
        *([each.method, *(_difference(each, name) for name in _DIFFERENCES)] for each in others),
    ]
    return _table_of(rows)


def _difference(method: MethodResult, name: str) -> str:
    interval = method.differences.get(name)
    if interval is None:
        return _NOTHING
    digits = 4 if name.startswith("hypervolume") else 3
    ends = (interval.mean, interval.low, interval.high)
    mean, low, high = (f"{each:+z.{digits}f}" for each in ends)
    is_sure = interval.low > 0 or interval.high < 0
    return f"{f'**{mean}**' if is_sure else mean} [{low}, {high}]"


def _row(method: MethodResult) -> list[str]:
    seconds = method.trial_seconds
    return [
        method.method,
        *(_measure(method, name) for name in _MEASURES),
        _volume(method),
        _volume_anew(method),
        _NOTHING if seconds is None else f"{seconds:.1f}",
    ]


def _measure(method: MethodResult, name: str) -> str:
    interval = method.intervals.get(name)
    if interval is not None:
        return _with_interval(interval, 3)
    return _number(method.means, name)


def _volume(method: MethodResult) -> str:
    volumes = list(method.searches.values())
    return _of_seeds(method.hypervolume, method.hypervolume_interval, volumes, "searches")


def _volume_anew(method: MethodResult) -> str:
    volumes = list(method.anew.values())
    return _of_seeds(method.hypervolume_anew, method.anew_interval, volumes, "trainings")


def _of_seeds(
    mean: float | None, interval: Interval | None, values: Sequence[float], name: str
) -> str:
    if mean is None:
        return _NOTHING
    shown = f"{mean:.4f}" if interval is None else _with_interval(interval, 4)
    if len(values) > 1:
        return f"{shown} ({len(values)} {name}: {min(values):.4f} to {max(values):.4f})"
    return shown


def _with_interval(interval: Interval, digits: int) -> str:
    mean, low, high = (
        f"{each:.{digits}f}" for each in (interval.mean, interval.low, interval.high)
    )
    return f"{mean} [{low}, {high}]"


def _number(values: Mapping[str, float], name: str) -> str:
    return f"{values[name]:.3f}" if name in values else _NOTHING


def _remarks(method: MethodResult) -> list[str]:
    """What the row doesn't show: trials and trainings that failed, and what is still to come."""
    parts = []
    if method.searches and method.is_judged and not method.front:
        which = "the first search" if len(method.searches) > 1 else "the search"
        parts.append(f"no trial of {which} is complete: nothing is judged or drawn")
    if method.failed:
        parts.append(f"{method.failed} of {method.failed + method.complete} trials failed")
    diverged = [str(final.seed) for final in method.finals if final.failure is not None]
    if diverged:
        parts.append(f"diverged with seed {', '.join(diverged)}, which no mean contains")
    if not method.has_ended:
        searched = "not searched with all seeds yet" if method.is_judged else "not at its end yet"
        parts.append(searched)
    return [f"- {method.method}: {'; '.join(parts)}."] if parts else []


def _table_of(rows: list[list[str]]) -> list[str]:
    """An empty line and the rows, the first one as titles; nothing without rows."""
    if not rows:
        return []
    titles, *body = rows
    return ["", *(f"| {' | '.join(row)} |" for row in (titles, ["---"] * len(titles), *body))]
