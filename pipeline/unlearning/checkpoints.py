"""Checkpoints of a training: safetensors with a manifest, published whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.unlearning.progress import Progress

_KEPT = 2
_STATE = "state.safetensors"
_MANIFEST = "manifest.json"
_NAME = "step-{:06d}"


@dataclass(frozen=True)
class Story:
    """What a checkpoint belongs to; a training resumes only from one of its own story.

    Attributes:
        base: fingerprint of the base model.
        data: identity of the training set.
        config: SHA-256 of everything in the experiment that decides the weights.
    """

    base: str
    data: str
    config: str


def snapshot(progress: Progress, *, leads: bool = True) -> dict[str, Tensor]:
    """A copy of what a checkpoint holds, in main memory, which a training may go on beside.

    Its tensors are whole, however many workers have made them: any number may go on from it.

    Args:
        progress: to copy; workers that hold parts of it gather it, all of them together.
        leads: whether this worker keeps it.
    """
    copies = ((name, value.detach()) for name, value in progress.tensors() if leads)
    return {name: value.to("cpu", copy=True).contiguous() for name, value in copies}


def write_checkpoint(folder: Path, step: int, state: Mapping[str, Tensor], story: Story) -> None:
    """Write what `step` steps have made; keep the last two.

    A checkpoint is written into a folder of another name and renamed when it is complete.

    Args:
        folder: of all checkpoints.
        step: how many steps are done.
        state: a `snapshot`.
        story: that it belongs to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder, prefix=".partial-"))
    final = folder / _NAME.format(step)
    try:
        save_file(dict(state), partial / _STATE)
        manifest = {"step": step, "sha256": _sha256(partial / _STATE), **asdict(story)}
        (partial / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)  # a full disk needs its room
        raise
    _drop_old(folder, final)


def restore_checkpoint(folder: Path, progress: Progress, story: Story) -> int:
    """Load the newest whole checkpoint of this story.

    Damaged checkpoints and those of another story are passed over.

    Returns:
        Steps done; 0 if there is nothing to resume from.
    """
    for candidate in sorted(folder.glob("step-*"), reverse=True):
        manifest = _manifest(candidate)
        if manifest is None or {key: manifest.get(key) for key in asdict(story)} != asdict(story):
            continue
        with safe_open(candidate / _STATE, "pt") as file:
            progress.restore(file.keys(), file.get_tensor)
        return int(manifest["step"])
    return 0


def _manifest(candidate: Path) -> dict[str, str | int] | None:
    try:
        manifest: dict[str, str | int] = json.loads((candidate / _MANIFEST).read_text())
        # The hash tells of the state alone; the step is told twice.
        named = candidate.name == _NAME.format(manifest["step"])
        whole = named and manifest["sha256"] == _sha256(candidate / _STATE)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return manifest if whole else None


def _drop_old(folder: Path, newest: Path) -> None:
    """Keep the last two up to `newest`; later ones are damaged or belong to another story."""
    steps = sorted(folder.glob("step-*"))
    done = [path for path in steps if path <= newest]
    for old in (*done[:-_KEPT], *(path for path in steps if path > newest)):
        shutil.rmtree(old)
    for leftover in folder.glob(".partial-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
