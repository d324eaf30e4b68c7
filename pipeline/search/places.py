"""Where things lie: the home of sweeps and caches, and the files of a sweep's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pipeline.config.user_path import user_path

SPACE: Final = "space.yaml"
SWEEP: Final = "sweep.json"
BASE: Final = "base.json"
PROMPTS: Final = "prompts.json"
STUDY: Final = "study.log"
LOCK: Final = ".lock"
PREPARATION: Final = "preparation.json"
RAY: Final = ".ray"

COMPARISON: Final = "comparison.json"
RESULTS: Final = "results.json"

EXPERIMENT: Final = "experiment.yaml"
PARAMS: Final = "params.json"
TRAINED: Final = "trained.json"
TELEMETRY: Final = "telemetry.jsonl"
WEIGHTS: Final = "weights.safetensors"
REPORT: Final = "report.json"
GALLERY: Final = "gallery.png"
SAMPLES: Final = "samples.safetensors"
THUMBNAILS: Final = "thumbnails.json"
"""The gallery's pictures once more, small and one by one, for pages."""
PICTURES: Final = "pictures"
"""Of a judged model, until its report is written."""
CHECKPOINTS: Final = "checkpoints"
"""Of the training, until the trial has ended: two are six times as large as its weights."""
TIMING: Final = "timing.json"
FAILURE: Final = "failure.json"
ERROR: Final = "error.txt"
ATTEMPT: Final = "attempt.json"
"""In a trial's folder: where and when it was last begun."""
GROUP: Final = "group.json"
"""In a trial's folder: what Ray has set aside for its workers."""
SHORTAGE: Final = "shortage.json"
"""In a trial's folder: where an attempt ran out of memory."""
RUNGS: Final = "rungs.json"
"""In a trial's folder: what it measured where it might have been stopped early."""
VERDICTS: Final = "verdicts.json"
"""In a trial's folder: what its sweep decided there."""
STOPPED: Final = "stopped.json"
"""In a trial's folder: where it was stopped early, and why."""
HANG: Final = "hang-{}.txt"
"""Where a worker of a trial was when it was taken for hung, by its rank."""

MANIFEST: Final = "manifest.json"
"""In a promoted folder: what every file must be, and where the model comes from."""


def home() -> Path:
    """The folder of sweeps and caches: $UNLEARN_HOME, or the current one."""
    return user_path(os.environ.get("UNLEARN_HOME") or ".").resolve()


def sweeps_folder() -> Path:
    """Where sweeps lie unless told otherwise."""
    return home() / "sweeps"


def comparisons_folder() -> Path:
    """Where comparisons of methods lie."""
    return home() / "comparisons"


def store_root() -> Path:
    """Where pictures and prompt states are kept that all runs share."""
    return home() / "cache"


def trial_name(number: int) -> str:
    """A trial's folder inside its sweep: `trials/0007`."""
    return f"trials/{number:04d}"


EXHIBITS: Final = "samples"
"""In a promoted folder: judged pictures that can be drawn again and compared."""
