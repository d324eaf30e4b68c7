"""A trial that ran out of memory is run once more with half the rows at a time, then given up.

Of a joint batch half the rows are in memory at once (`update.accumulate` doubles), so that the same
gradient comes out but for rounding; a judge that ran out gets half the pictures. What is known of
earlier attempts lies in the trial's folder, as their processes are dead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import torch

from pipeline.config import Experiment
from pipeline.search.files import read_json, write_json
from pipeline.search.outcome import Outcome
from pipeline.search.places import ATTEMPT, ERROR, FAILURE, SHORTAGE, WEIGHTS
from pipeline.unlearning.rungs import AT_A_RUNG

_CPU_WORDS: Final = ("can't allocate memory", "not enough memory")
_ADVICE: Final = (
    "raise update.accumulate, or use update.gradient_checkpointing, model.lora, fewer trained "
    "parameters (model.train) or a smaller evaluation.batch; `unlearn plan` says what takes how "
    "much"
)

Stage = Literal["training", "judging"]


def take_up(folder: Path, experiment: Experiment) -> Outcome | None:
    """Begin an attempt: learn from how the last one died. Of what has ended nothing is learned.

    Args:
        folder: of the trial.
        experiment: its experiment, as it was asked for.

    Returns:
        The trial's end if it ran out of memory again, or may not be run with less; else None.
    """
    if Outcome.read(folder) is not None:
        return None
    known = read_json(folder / SHORTAGE) or {}
    if _was_killed_for_memory(folder):
        known["short"] = _stage(folder)
    stage = known.pop("short", None)
    if stage is not None:
        halved = known.setdefault("halved", [])
        reason = _why_not(stage, halved, experiment)
        if reason is not None:
            message = f"out of memory while {stage}, {reason}: {_ADVICE}"
            write_json(folder / FAILURE, {"kind": "OutOfMemory", "message": message})
            return Outcome.read(folder)
        halved.append(stage)
        write_json(folder / SHORTAGE, known)
    (folder / ERROR).unlink(missing_ok=True)
    (folder / AT_A_RUNG).unlink(missing_ok=True)
    write_json(folder / ATTEMPT, _machine())
    return None


def note_shortage(folder: Path, error: BaseException) -> None:
    """Remember that this attempt is ending for want of memory, if it is."""
    cause: BaseException | None = error
    while cause is not None and not _is_shortage(cause):
        cause = cause.__cause__
    if cause is not None:
        note_death(folder)


def note_death(folder: Path) -> None:
    """Remember that memory ran short in this attempt."""
    known = read_json(folder / SHORTAGE) or {}
    write_json(folder / SHORTAGE, {**known, "short": _stage(folder)})


def ran_short(folder: Path) -> bool:
    """Whether memory ran short in the attempt that has just ended."""
    return "short" in (read_json(folder / SHORTAGE) or {})


def with_less_at_once(experiment: Experiment, folder: Path) -> Experiment:
    """The experiment with half the rows at a time wherever an earlier attempt ran out of memory."""
    halved = (read_json(folder / SHORTAGE) or {}).get("halved", [])
    changes: dict[str, Any] = {}
    if "training" in halved:
        accumulate = 2 * experiment.update.accumulate
        changes["update"] = experiment.update.model_copy(update={"accumulate": accumulate})
    if "judging" in halved:
        batch = max(1, experiment.evaluation.batch // 2)
        changes["evaluation"] = experiment.evaluation.model_copy(update={"batch": batch})
    return experiment.model_copy(update=changes)


def _why_not(stage: Stage, halved: list[Stage], experiment: Experiment) -> str | None:
    if experiment.scaling.out_of_memory == "fail":
        return "and scaling.out_of_memory is fail"
    if stage in halved:
        return "with half the rows at a time too"
    update, workers = experiment.update, experiment.scaling.fewest
    rows = max(update.forget_batch, update.retain_batch) // workers
    if stage == "training" and update.accumulate >= rows:
        return "with one row at a time"
    if stage == "judging" and experiment.evaluation.batch == 1:
        return "with one picture at a time"
    return None


def _is_shortage(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # PyTorch's CPU allocator has no error of its own.
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _CPU_WORDS)


def _stage(folder: Path) -> Stage:
    shown = (folder / WEIGHTS, folder / AT_A_RUNG)
    return "judging" if any(path.exists() for path in shown) else "training"


def _was_killed_for_memory(folder: Path) -> bool:
    """Whether the last attempt ended without a word, and the kernel killed for memory meanwhile."""
    then, now = read_json(folder / ATTEMPT), _machine()
    if then is None or (folder / ERROR).exists() or then["boot"] != now["boot"]:
        return False
    return int(now["oom_kills"]) > int(then["oom_kills"])


def _machine() -> dict[str, Any]:
    """Which boot of which machine this is, and how often its kernel has killed for memory."""
    counts = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return {"boot": boot, "oom_kills": int(counts.get("oom_kill", 0))}
