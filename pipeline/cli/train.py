"""`unlearn train`: one experiment from start to report, without a sweep."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.bars import bars
from pipeline.cli.claiming import claim
from pipeline.cli.evaluate import show_report
from pipeline.cli.mistakes import INTERRUPTED, Unsuccessful
from pipeline.cli.options import HomeOption, SetOption
from pipeline.cli.terminal import note, say

if TYPE_CHECKING:
    from pipeline.config import Experiment, SearchSpace

_POLL: Final = 0.5  # seconds


def train(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="Experiment file; with --sweep, that sweep's own if absent."
        ),
    ] = None,
    changes: SetOption = None,
    sweep: Annotated[
        str | None, typer.Option(metavar="NAME", help="Sweep whose trial fills in the file.")
    ] = None,
    trial: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Number of that trial.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the run; runs/NAME if absent.")
    ] = None,
    _home: HomeOption = None,
) -> None:
    """Train and judge one experiment; an interrupted run goes on from its last checkpoint."""
    from pipeline.cli.folders import runs_folder

    experiment = _experiment(file, changes or [], sweep, trial)
    folder = (out or runs_folder() / experiment.name).resolve()
    claim(folder, experiment)
    from pipeline.diffusion import Store
    from pipeline.diffusion.trained import read_count
    from pipeline.evaluation import Report
    from pipeline.search.places import ATTEMPT, REPORT, TRAINED, store_root
    from pipeline.search.shortage import ran_short, take_up
    from pipeline.search.trial import run_trial

    if experiment.scaling.workers > 1:
        note("one worker trains it: scaling.workers and sharded count in sweeps")
    try:
        with _watched(folder, experiment.update.steps):
            given_up = take_up(folder, experiment)
            outcome = given_up or run_trial(folder, Store(store_root()), time.time())
    except KeyboardInterrupt:
        (folder / ATTEMPT).unlink(missing_ok=True)  # it did not run short of anything
        note("interrupted; the same command goes on from the last checkpoint")
        raise typer.Exit(INTERRUPTED) from None
    except Exception:
        if ran_short(folder):
            raise Unsuccessful(
                "out of memory; the same command tries once more, with half the rows at a time"
            ) from None
        raise
    if given_up is not None:
        raise Unsuccessful(str(given_up.reason))
    if outcome.reason is not None:
        raise Unsuccessful(
            f"{outcome.reason}; try a smaller update.learning_rate (--set "
            f"update.learning_rate=...), and another folder (--out)"
        )
    show_report(Report.load(folder / REPORT))
    count = read_count(folder / TRAINED)
    if count is not None:
        note(f"trained {count}")
    say(str(folder))


def _experiment(
    file: Path | None, changes: list[str], sweep: str | None, trial: int | None
) -> Experiment:
    from pipeline.cli.folders import existing_sweep
    from pipeline.cli.models import with_known_base
    from pipeline.config import load_space

    if (sweep is None) != (trial is None):
        raise ValueError("expected --sweep NAME and --trial N together, got one of them")
    if sweep is None or trial is None:
        if file is None:
            raise ValueError("expected an experiment FILE, or --sweep NAME and --trial N")
        return with_known_base(load_space(file, changes)).fixed()
    folder = existing_sweep(sweep)
    values = _values_of(folder, trial)
    space = with_known_base(load_space(file or folder / "space.yaml", changes))
    return space.fill(_wanted(space, values))


def _values_of(sweep: Path, trial: int) -> dict[str, Any]:
    """What a trial drew: dotted path -> value, a simplex as one share a name."""
    from pipeline.config.plain_json import load_object
    from pipeline.search.places import PARAMS, trial_name

    path = sweep / trial_name(trial) / PARAMS
    if not path.is_file():
        raise ValueError(f"{sweep.name}: expected a trial {trial}, there is none of this number")
    return load_object(path, f"go on with `unlearn resume {sweep.name}`")


def _wanted(space: SearchSpace, values: Mapping[str, Any]) -> dict[str, Any]:
    """The trial's values for what this file searches; what --set has fixed stays as set."""
    from pipeline.config import Simplex

    filled: dict[str, Any] = {}
    for path, distribution in space.distributions.items():
        if isinstance(distribution, Simplex):
            names = [name for name in distribution.names if f"{path}.{name}" in values]
            if names:
                filled[path] = {name: values[f"{path}.{name}"] for name in names}
        elif path in values:
            filled[path] = values[path]
    return filled


@contextmanager
def _watched(folder: Path, steps: int) -> Iterator[None]:
    """Show how far the run is, as its folder tells it."""
    done = threading.Event()
    with bars() as shown:

        def watch() -> None:
            while not done.wait(_POLL):
                step = _last_step(folder / "telemetry.jsonl")
                judging = (folder / "weights.safetensors").is_file()
                remark = "judging" if judging else "" if step else "making pictures to train on"
                shown.show("steps", step, steps, remark)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def _last_step(telemetry: Path) -> int:
    try:
        lines = telemetry.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    for line in reversed(lines):
        try:
            return int(json.loads(line)["step"])
        except (ValueError, KeyError, TypeError):
            continue  # half a line: it is being written
    return 0
