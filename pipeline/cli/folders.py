"""Where things lie under the home folder, and which names may become folders there."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pipeline.search.places import comparisons_folder, home, sweeps_folder

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def sweep_folder(name: str) -> Path:
    """The folder that a sweep of this name has or would have.

    Raises:
        ValueError: the name could lead out of the folder of sweeps, or is none at all.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"name of a sweep: expected lower-case letters, digits, '.', '_' and '-' (at most 64, "
            f"beginning with a letter or digit), got {name!r}"
        )
    return sweeps_folder() / name


def existing_sweep(name: str) -> Path:
    """The folder of a sweep that was started.

    Raises:
        ValueError: there is none of this name here; names those that there are.
    """
    folder = sweep_folder(name)
    if (folder / "sweep.json").is_file():
        return folder
    names = sorted(path.parent.name for path in sweeps_folder().glob("*/sweep.json"))
    close = get_close_matches(name, names, n=1)
    if close:
        remedy = f"did you mean {close[0]}?"
    elif names:
        remedy = f"there are: {', '.join(names)}"
    else:
        remedy = "there are none yet; start one with `unlearn sweep FILE`, or name its --home"
    raise ValueError(f"sweep {name}: expected one in {sweeps_folder()}, found none; {remedy}")


def comparison_folder(name: str) -> Path:
    """The folder that a comparison of this name has or would have."""
    return comparisons_folder() / name


def runs_folder() -> Path:
    """The folder of runs without a sweep."""
    return home() / "runs"
