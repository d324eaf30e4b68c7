"""The verbs in one place, and what becomes of their errors.

Verbs import what they need when they run: `--help` has nothing heavy to wait for.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from pipeline import __version__
from pipeline.cli.canvas import canvas
from pipeline.cli.compare import compare
from pipeline.cli.crown import crown, rollback
from pipeline.cli.environment import prepare_environment
from pipeline.cli.evaluate import evaluate
from pipeline.cli.expand import expand
from pipeline.cli.export import export
from pipeline.cli.generate import generate
from pipeline.cli.history import history
from pipeline.cli.mistakes import exit_code_for
from pipeline.cli.pareto import pareto
from pipeline.cli.plan import plan
from pipeline.cli.promote import promote
from pipeline.cli.reproduce import reproduce
from pipeline.cli.settings import settings
from pipeline.cli.sweep import resume, sweep
from pipeline.cli.terminal import say
from pipeline.cli.train import train
from pipeline.cli.verify import verify

app = typer.Typer(
    name="unlearn",
    help="Sweep over ways to remove a concept from a text-to-image model, read the front of "
    "erasure against alignment, and promote the checkpoint you choose.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer passes the flag's value
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def _options(
    *,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say it and stop."),
    ] = False,
) -> None:
    """What stands before the verb."""


_VERBS = (
    plan,
    sweep,
    resume,
    train,
    evaluate,
    pareto,
    promote,
    generate,
    compare,
    expand,
    settings,
)
_OF_VERSIONS = (crown, rollback, history, verify, export, reproduce)
for verb in (*_VERBS, *_OF_VERSIONS):
    app.command()(verb)
app.add_typer(canvas, name="canvas")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one verb and end the process: 0 done, 1 to no avail, 2 bad input, 130 interrupted."""
    prepare_environment()
    try:
        app(args=arguments, prog_name="unlearn")
    except Exception as error:
        code = exit_code_for(error)
        if code is None:
            raise
        sys.exit(code)
    sys.exit(0)
