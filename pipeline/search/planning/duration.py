"""How long a trial will take: as earlier ones of the same base did, or by one measured pass."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from pipeline.config import ConfigError, Experiment, load_space
from pipeline.diffusion import DiffusionModel
from pipeline.diffusion.model import PRECISIONS
from pipeline.search.files import read_json
from pipeline.search.places import EXPERIMENT, REPORT, TIMING

_MOST_TRIALS: Final = 50
_BACKWARD: Final = 2.0
"""A backward pass costs about two forward passes: gradients of inputs, and of weights."""


@dataclass(frozen=True)
class Duration:
    """Of one trial.

    Attributes:
        seconds: that it takes; None where nothing tells.
        because: where the number comes from, and what it assumes.
    """

    seconds: float | None
    because: str


UNKNOWN: Final = Duration(
    None, "no trial of this base has been timed here; --measure times one forward pass"
)


def from_trials(experiment: Experiment, sweep: Path, judged: int) -> Duration | None:
    """From the timings of this sweep or, without, of others of the same base beside it.

    Args:
        experiment: the trial to come, the longest one.
        sweep: folder of the sweep, which may not be there yet.
        judged: test prompts of a trial.

    Returns:
        None where no trial was timed.
    """
    for folders, words in (
        ([sweep], "this sweep"),
        (sorted(sweep.parent.glob("*")), "other sweeps of this base"),
    ):
        found = [each for folder in folders for each in _timed(folder, experiment)]
        found = found[-_MOST_TRIALS:]
        if not found:
            continue
        seconds = [
            training * _work(experiment) / work + judging * judged / pictures + rest
            for training, work, judging, pictures, rest in found
        ]
        because = (
            f"{len(found)} timed trials of {words}: training by rows of all steps, judging by "
            "pictures; on the same machines, as many at a time"
        )
        return Duration(statistics.median(seconds), because)
    return None


def measured(model: DiffusionModel, experiment: Experiment, judged: int, text: str) -> Duration:
    """From one forward pass on this machine, the second of two.

    Args:
        model: the base, loaded.
        experiment: the trial to come.
        judged: test prompts of a trial.
        text: a prompt that the model knows.
    """
    update, evaluation = experiment.update, experiment.evaluation
    rows = min(4, update.retain_batch)
    conditions = model.encode_prompts([text]).repeat(rows).to(model.device)
    noisy = torch.zeros(rows, *model.latent_shape, device=model.device)
    times = model.noise.draw_times(rows, torch.Generator().manual_seed(0)).to(model.device)
    precision = PRECISIONS[update.precision]
    seconds = 0.0
    for _ in range(2):
        started = time.perf_counter()
        with torch.no_grad():
            # Reading a value waits for a GPU.
            float(model.predict(model.denoiser, noisy, times, conditions, precision).sum())
        seconds = time.perf_counter() - started
    row = seconds / rows
    # The frozen teacher looks at every row once, too.
    training = _work(experiment) * row * (1 + _BACKWARD + 1)
    passes = 1 if evaluation.guidance == 1 else 2
    judging = judged * evaluation.steps * passes * row
    workers = experiment.scaling.workers
    return Duration(
        (training + judging) / workers,
        f"one forward pass of {rows} pictures on {model.device.type}, {seconds:.3f} s; a backward "
        "pass as 2 of them, and 1 of the frozen teacher; without loading and judges' passes",
    )


def _work(experiment: Experiment) -> float:
    """Rows of all steps; an edit has none."""
    update = experiment.update
    return update.steps * (update.forget_batch + update.retain_batch) * experiment.is_trained


def _timed(sweep: Path, experiment: Experiment) -> Iterator[tuple[float, float, float, int, float]]:
    """Seconds of training, rows, seconds of judging, pictures, and other seconds, a trial."""
    for path in sorted(sweep.glob(f"trials/*/{TIMING}")):
        timing, report = read_json(path), read_json(path.with_name(REPORT))
        try:
            other = load_space(path.with_name(EXPERIMENT)).fixed()
        except (ConfigError, OSError):
            continue
        if timing is None or report is None or other.model != experiment.model:
            continue
        work, pictures = _work(other), len(report.get("pictures", ()))
        if work and pictures and other.scaling.workers == experiment.scaling.workers:
            parts = {name: float(seconds) for name, seconds in timing.items()}
            training, judging = parts.pop("training", 0.0), parts.pop("judging", 0.0)
            yield training, work, judging, pictures, sum(parts.values())
