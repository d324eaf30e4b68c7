"""The folder of a run outside of sweeps: new, or of the very experiment that goes on in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.config import Experiment


def claim(folder: Path, experiment: Experiment) -> None:
    """Put the experiment into its folder, which must be new or hold this very experiment.

    Raises:
        ValueError: there is something else in it.
    """
    from pipeline.config import dump_experiment, load_space
    from pipeline.search.files import write_text
    from pipeline.search.places import EXPERIMENT

    path = folder / EXPERIMENT
    if path.is_file():
        if load_space(path).fixed() != experiment:
            raise ValueError(
                f"{folder}: expected a new folder or one of this experiment, it holds another "
                "experiment; name another one with --out or --set name=..."
            )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder}: expected a new or an empty folder; name another with --out")
    write_text(path, dump_experiment(experiment))
