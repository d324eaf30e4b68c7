"""`unlearn plan`: what a sweep will take, before anything of it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from pipeline.cli.options import HomeOption, SetOption
from pipeline.cli.terminal import RESULTS, note

if TYPE_CHECKING:
    from pipeline.config import SearchSpace
    from pipeline.search.planning.plan import Plan


def plan(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Search space or experiment.")],
    changes: SetOption = None,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT",
            help="Memory of the GPU or machine that a worker will have, for example 24GB; looked "
            "up if absent.",
        ),
    ] = None,
    *,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Load the model and time one forward pass, if need be."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    _home: HomeOption = None,
) -> None:
    """Say what a sweep will take: prompts, pictures, parameters, memory, disk and time.

    No weights are loaded. What cannot fit the machine is refused, with advice.
    """
    from pipeline.cli.folders import sweep_folder
    from pipeline.cli.models import with_known_base
    from pipeline.config import load_space
    from pipeline.search.machine import amount
    from pipeline.search.requirements import check_words

    space = with_known_base(load_space(file, list(changes or ())))
    given = None if memory is None else amount(memory)
    check_words(space)  # in no time, and before a model is looked for
    from pipeline.diffusion import Store
    from pipeline.search.places import store_root
    from pipeline.search.planning.fit import why_not
    from pipeline.search.planning.plan import make_plan

    made = make_plan(space, sweep_folder(space.name), Store(store_root()), given)
    if measure and made.duration.seconds is None:
        made = _timed(space, made)
    reason = why_not(made)
    if as_json:
        typer.echo(json.dumps(_plain(made, reason), indent=1))
    else:
        _show(made)
    if reason is not None:
        raise ValueError(reason)


def _timed(space: SearchSpace, made: Plan) -> Plan:
    from dataclasses import replace

    from pipeline.diffusion.load import fastest_device, load_model
    from pipeline.search.planning.duration import measured
    from pipeline.search.planning.plan import known_text

    longest = made.longest
    model = load_model(space.base, longest.model.revision, fastest_device())
    judged = made.wanted.judging.wanted
    return replace(made, duration=measured(model, longest, judged, known_text(longest)))


def _show(made: Plan) -> None:
    from pipeline.search.live import duration
    from pipeline.search.planning.fit import in_words, why_close
    from pipeline.unlearning.memory import ASSUMPTIONS

    wanted, own, (needed, phase) = made.wanted, made.parameters, made.peak
    table = _table("prompts", "number", "distinct")
    for name, pool in wanted.pools.items():
        table.add_row(name, str(pool.prompts), str(pool.distinct))
    RESULTS.print(table)
    table = _table("pictures", "wanted", "in the store", "to make")
    for name, each in (("to train on", wanted.teaching), ("of the base, judged", wanted.judging)):
        table.add_row(name, str(each.wanted), str(each.stored), str(each.missing))
    table.add_row("of each trial, judged", str(wanted.judging.wanted), "", "")
    RESULTS.print(table)
    table = _table("parameters", "number")
    for part, number in own.parts.items():
        table.add_row(part, f"{number:,}")
    table.add_row(f"of them move ({own.share:.2%} of {', '.join(own.trained)})", f"{own.moving:,}")
    RESULTS.print(table)
    table = _table("memory of a worker", "size", "when")
    for buffer in made.buffers:
        table.add_row(buffer.name, in_words(buffer.size), buffer.phase)
    table.add_row("together, at most", in_words(needed), phase, style="bold")
    there = "unknown" if made.memory.size is None else in_words(made.memory.size)
    table.add_row(f"there is ({made.memory.of})", there, "")
    RESULTS.print(table)
    table = _table("sweep", "")
    table.add_row("trials", str(made.trials))
    low, high = made.steps
    table.add_row("steps of a trial", str(high) if low == high else f"{low} to {high}")
    table.add_row("weights of a trial", in_words(made.saved["weights"]))
    table.add_row("checkpoints of a trial, until it has ended", in_words(made.saved["checkpoints"]))
    table.add_row("pictures and texts to make, at most", in_words(made.made))
    table.add_row("disk in all, at most", in_words(made.disk), style="bold")
    if made.keeps == "front":
        table.add_row("where few trials are on the front, from", in_words(made.least_disk))
    table.add_row("free on that disk", in_words(made.free))
    seconds = made.duration.seconds
    table.add_row("time of a trial", "unknown" if seconds is None else duration(seconds))
    RESULTS.print(table)
    note(f"time: {made.duration.because}")
    for line in ASSUMPTIONS:
        note(f"memory: {line}")
    close = why_close(made)
    if close is not None:
        note(close, "yellow")


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for place, name in enumerate(names):
        table.add_column(name, justify="right" if place else "left", overflow="fold")
    return table


def _plain(made: Plan, reason: str | None) -> dict[str, Any]:
    from pipeline.search.planning.fit import why_close
    from pipeline.unlearning.memory import ASSUMPTIONS

    wanted, (needed, phase) = made.wanted, made.peak
    pictures = {"teaching": wanted.teaching, "judging": wanted.judging}
    return {
        "name": made.name,
        "base": made.base,
        "fits": reason is None,
        "reason": reason,
        "close": why_close(made),
        "prompts": {
            name: {"number": pool.prompts, "distinct": pool.distinct}
            for name, pool in wanted.pools.items()
        },
        "pictures": {
            name: {"wanted": each.wanted, "stored": each.stored, "missing": each.missing}
            for name, each in pictures.items()
        },
        "trials": made.trials,
        "steps": {"least": made.steps[0], "most": made.steps[1]},
        "parameters": {
            "parts": dict(made.parameters.parts),
            "trained": list(made.parameters.trained),
            "moving": made.parameters.moving,
            "share": made.parameters.share,
        },
        "memory": {
            "buffers": [
                {"name": each.name, "bytes": each.size, "phase": each.phase}
                for each in made.buffers
            ],
            "peak": needed,
            "phase": phase,
            "available": made.memory.size,
            "of": made.memory.of,
            "assumptions": list(ASSUMPTIONS),
        },
        "disk": {
            "trial": dict(made.saved),
            "pictures": made.made,
            "sweep": made.disk,
            "least": made.least_disk,
            "free": made.free,
        },
        "time": {"seconds": made.duration.seconds, "because": made.duration.because},
    }
