"""`unlearn evaluate`: what the judges say of any model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.table import Table

from pipeline.cli.bars import bars
from pipeline.cli.options import BlurOption, HomeOption, ModelArgument, SetOption
from pipeline.cli.terminal import RESULTS, note, say

if TYPE_CHECKING:
    from pipeline.config import Experiment
    from pipeline.evaluation import Report

_SMALLEST_SHOWN: Final = 0.0005
_SINGLY: Final = ("erasure", "ua", "ira", "cra", "worst_neighbour", "none_share_forget")
"""Shown of each of several concepts, as far as it was measured."""


def evaluate(  # noqa: PLR0913 - one parameter an option
    model: ModelArgument,
    *,
    experiment: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Experiment or search space that says what was to be erased; not needed for a "
            "trial or a promoted model.",
        ),
    ] = None,
    changes: SetOption = None,
    judge: Annotated[
        Literal["first", "second"],
        typer.Option(help="The classifier that searches use, or the one that none uses."),
    ] = "first",
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**31 - 1, help="Of the noise; the experiment's own if absent."),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Pictures of each prompt.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for report.json and gallery.png."),
    ] = None,
    blur: BlurOption = None,
    _home: HomeOption = None,
) -> None:
    """Judge a model on held-out prompts: erasure, what was kept, alignment with the prompts."""
    from pipeline.cli.models import find_model

    if out is not None and out.exists() and not out.is_dir():
        raise ValueError(f"--out: expected a folder, {out} is a file")
    if changes and experiment is None:
        raise ValueError("--set: expected an --experiment FILE to change, got none; name one")
    found = find_model(model)
    settings = found.experiment if experiment is None else _settings(experiment, changes or [])
    if settings is None:
        raise ValueError(
            f"{model}: expected to know what was to be erased; name an experiment or a search "
            "space with --experiment FILE"
        )
    from pipeline.diffusion import Store
    from pipeline.evaluation import evaluate as judged
    from pipeline.prompts import build_prompt_set
    from pipeline.search.places import store_root

    with bars() as shown:
        evaluation = judged(
            found.load(),
            build_prompt_set(settings.concept, settings.prompts),
            settings,
            Store(store_root()),
            seat=judge,
            seed=seed,
            repeats=repeats,
            progress=lambda done, total: shown.show("pictures", done, total),
        )
    show_report(evaluation.report)
    if out is not None:
        evaluation = evaluation if blur is None else replace(evaluation, blurred=blur)
        evaluation.report.save(out / "report.json")
        evaluation.draw_gallery(out / "gallery.png", settings.evaluation.gallery)
        say(str(out))


def show_report(report: Report) -> None:
    """A report's measures beside the base model's, with intervals where partners were compared."""
    table = Table("measure", box=None, header_style="bold")
    for column in ("model", "base", "difference (95 % interval)"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, value in report.metrics.items():
        paired = report.paired.get(name)
        difference = (
            f"{paired.mean:+.3f} ({paired.low:+.3f} to {paired.high:+.3f})" if paired else ""
        )
        table.add_row(name, _number(value), _number(report.base_metrics[name]), difference)
    RESULTS.print(table)
    note(
        f"{report.images.forget} pictures of prompts that name {', '.join(report.concept.values)}, "
        f"{report.images.retain} of prompts that do not; judged by {report.judge.classifier.name} "
        f"and {report.judge.clip.name}"
    )
    if report.by_concept:
        RESULTS.print(_singly(report))
    if report.regression:
        RESULTS.print(_regression(report))


def _singly(report: Report) -> Table:
    """Several concepts of one erasure, each for itself."""
    measured = next(iter(report.by_concept.values()))
    shown = [name for name in _SINGLY if name in measured]
    table = Table("concept", box=None, header_style="bold")
    for name in shown:
        table.add_column(name, justify="right")
    for concept, values in report.by_concept.items():
        table.add_row(concept, *(_number(values[name]) for name in shown))
    return table


def _regression(report: Report) -> Table:
    """What the base had forgotten already: now, before this erasure, and when it was promoted."""
    table = Table("erased earlier", box=None, header_style="bold")
    for name in ("pictures", "ua", "before", "promoted", "difference", "erasure", "promoted"):
        table.add_column(name, justify="right")
    for each in report.regression:
        then, change = each.promoted, each.difference
        table.add_row(
            each.concept,
            str(each.pictures),
            f"{each.now.ua:.3f}",
            f"{each.base.ua:.3f}",
            f"{then.ua:.3f}" if then else "?",
            f"{change.ua:+.3f}" if change else "?",
            f"{each.now.erasure:.3f}",
            f"{then.erasure:.3f}" if then else "?",
        )
    return table


def _number(value: float) -> str:
    """Three decimals, or two digits where these would say 0.000 of what is not 0."""
    return f"{value:.3f}" if value == 0 or abs(value) >= _SMALLEST_SHOWN else f"{value:.1e}"


def _settings(file: Path, changes: list[str]) -> Experiment:
    """The file's experiment; of a search space any one, for what judges is never searched."""
    from pipeline.cli.models import with_known_base
    from pipeline.config import load_space
    from pipeline.config.distributions import extremes

    space = with_known_base(load_space(file, changes))
    return space.fill({path: extremes(d)[0][1] for path, d in space.distributions.items()})
