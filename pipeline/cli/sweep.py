"""`unlearn sweep` and `unlearn resume`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.mistakes import INTERRUPTED, Unsuccessful
from pipeline.cli.options import HomeOption, SetOption, SweepArgument
from pipeline.cli.terminal import RESULTS, note, say

if TYPE_CHECKING:
    from pipeline.config import SearchSpace
    from pipeline.search.records import SweepRecord
    from pipeline.tracking.mirror import Mirror

TrialsOption = Annotated[
    int | None,
    typer.Option(min=1, max=1_000_000, metavar="N", help="Trials in all, in place of the file's."),
]

_LAST_WORDS_SECONDS = 60.0


def sweep(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Search space, a YAML file.")],
    trials: TrialsOption = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the sweep; the file's if absent.")
    ] = None,
    warm_start: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SWEEP",
            help="Begin with an earlier sweep's front, and learn from it; may be repeated.",
        ),
    ] = None,
    changes: SetOption = None,
    _home: HomeOption = None,
) -> None:
    """Run a new sweep: many trials, a front of those that no other one beats."""
    from pipeline.cli.folders import sweep_folder
    from pipeline.cli.models import with_known_base
    from pipeline.config import load_space

    overrides = list(changes or ())
    if trials is not None:
        overrides.append(f"budget.trials={trials}")
    if name is not None:
        sweep_folder(name)
        overrides.append(f"name={json.dumps(name)}")
    if warm_start:
        overrides.append(f"budget.warm_start={json.dumps(warm_start)}")
    space = with_known_base(load_space(file, overrides))
    _run(space, sweep_folder(space.name), resume=False)


def resume(
    name: SweepArgument,
    trials: TrialsOption = None,
    changes: SetOption = None,
    _home: HomeOption = None,
) -> None:
    """Go on with a sweep that was interrupted, or give a finished one more trials."""
    from pipeline.cli.folders import existing_sweep
    from pipeline.config import load_space
    from pipeline.search.records import read_sweep

    folder = existing_sweep(name)
    overrides = list(changes or ())
    if trials is not None:
        overrides.append(f"budget.trials={trials}")
    space = load_space(folder / "space.yaml", overrides)
    record = read_sweep(folder)
    ended = record.status == "finished" and len(record.trials) >= space.budget.trials
    # A gate that was changed is written down, though there is nothing left to run.
    if ended and space.gate == record.space.gate:
        say(
            f"{name}: all {len(record.trials)} trials have ended; for more, run: "
            f"unlearn resume {name} --trials {2 * len(record.trials)}"
        )
        return
    _run(space, folder, resume=True)


def _run(space: SearchSpace, folder: Path, *, resume: bool) -> None:
    from pipeline.search.live import open_view
    from pipeline.search.sweep import run_sweep
    from pipeline.tracking.mirror import Mirror

    mirror = Mirror(folder)

    def tell_mlflow() -> None:
        # Not before the sweep's folder is there to be mirrored.
        mirror.start()
        mirror.wake()

    try:
        record = run_sweep(
            space, folder, resume=resume, view=open_view(RESULTS), on_change=tell_mlflow
        )
        _finish(mirror, folder)
    except KeyboardInterrupt:
        note(f"interrupted; go on with: unlearn resume {folder.name}")
        raise typer.Exit(INTERRUPTED) from None
    except OSError:
        mirror.close(_LAST_WORDS_SECONDS)
        note(f"stopped, and nothing is lost; go on later with: unlearn resume {folder.name}")
        raise
    _judge(record)


def _finish(mirror: Mirror, folder: Path) -> None:
    """Wait for MLflow a while; what it has not got then is sent by the next verb that can."""
    from pipeline.tracking.ledger import server_name

    lacking = mirror.close(_LAST_WORDS_SECONDS)
    if lacking:
        note(
            f"MLflow has not got all of it ({lacking.reason}); the rest is sent by: "
            f"unlearn pareto {folder.name}"
        )
    else:
        say(f"recorded in {server_name(mirror.uri)}")


def _judge(record: SweepRecord) -> None:
    """The sweep's end as an exit code."""
    if record.status == "interrupted":
        raise typer.Exit(INTERRUPTED)
    if not any(trial.state == "complete" for trial in record.trials):
        reasons = sorted({trial.reason or "no reason known" for trial in record.trials})
        shown = "\n".join(f"  {reason}" for reason in reasons[:3])
        raise Unsuccessful(
            f"all {len(record.trials)} trials failed:\n{shown}\nsee the trials' error.txt in "
            f"{record.folder / 'trials'}"
        )
