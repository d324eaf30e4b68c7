"""`unlearn evaluate`: what the judges say of any model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from pipeline.cli.bars import bars
from pipeline.cli.options import HomeOption, ModelArgument, SetOption
from pipeline.cli.terminal import RESULTS, note, say

if TYPE_CHECKING:
    from pipeline.config import Experiment
    from pipeline.evaluation import Report
    from pipeline.evaluation.locate import JudgeKind


def evaluate(
    model: ModelArgument,
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
    from pipeline.evaluation import judge_folder
    from pipeline.prompts import build_prompt_set
    from pipeline.search.places import store_root

    kind: JudgeKind = "classifier" if judge == "first" else "second-classifier"
    with bars() as shown:
        evaluation = judged(
            found.load(),
            build_prompt_set(settings.concept, settings.prompts),
            settings,
            Store(store_root()),
            classifier=judge_folder(kind, settings.evaluation.classifier),
            clip=judge_folder("clip", settings.evaluation.clip),
            seed=seed,
            repeats=repeats,
            progress=lambda done, total: shown.show("pictures", done, total),
        )
    show_report(evaluation.report)
    if out is not None:
        evaluation.report.save(out / "report.json")
        evaluation.draw_gallery(out / "gallery.png", settings.evaluation.gallery)
        say(str(out))


def show_report(report: Report) -> None:
    """A report's measures beside the base model's."""
    table = Table("measure", box=None, header_style="bold")
    table.add_column("model", justify="right")
    table.add_column("base", justify="right")
    for name, value in report.metrics.items():
        table.add_row(name, f"{value:.3f}", f"{report.base_metrics[name]:.3f}")
    RESULTS.print(table)
    note(
        f"{report.images.forget} pictures of prompts that name {', '.join(report.concept.forget)}, "
        f"{report.images.retain} of prompts that do not; judged by {report.judge.classifier.name} "
        f"and {report.judge.clip.name}"
    )


def _settings(file: Path, changes: list[str]) -> Experiment:
    """The file's experiment; of a search space any one, for what judges is never searched."""
    from pipeline.config import load_space
    from pipeline.config.distributions import extremes

    space = load_space(file, changes)
    return space.fill({path: extremes(d)[0][1] for path, d in space.distributions.items()})
