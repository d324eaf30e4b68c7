"""What a step did: losses, gradients, their conflict, and where the parameters really went."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from pipeline.unlearning.gradients import Products
from pipeline.unlearning.step_sums import Move


@dataclass(frozen=True)
class StepRecord:
    """Telemetry of one step.

    Attributes:
        step: counted from 1.
        values: by name: forget_loss, retain_loss (absent where the rule looks at one alone),
            forget_norm, retain_norm, cosine, conflict (1 if the gradients conflict), forget_active
            (0 while the cap holds forgetting back; forget_norm and cosine are then 0),
            change_forget_cosine and change_retain_cosine (cosine of the actual parameter change
            with each gradient; negative means that the loss falls to first order), learning_rate;
            restricted (1 if the step had to be restricted) and halvings (of a step that raised a
            loss on the probe batch), where these are done; loss_scale and skipped with fp16. Of a
            step that was skipped, as its gradients overflowed, there are losses, learning_rate,
            loss_scale and skipped (1) alone.
    """

    step: int
    values: dict[str, float]

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps({"step": self.step, **self.values})


def change_cosines(move: Move, scalars: Products) -> dict[str, float]:
    """Cosine of the actual parameter change with each gradient.

    Momentum, clipping and Adam's scaling all sit between a gradient and the change; this sees what
    came out of them.
    """
    cosines = {}
    for name, slope, square in (
        ("forget", move.forget_slope, scalars.forget_square),
        ("retain", move.retain_slope, scalars.retain_square),
    ):
        norms = math.sqrt(move.square) * math.sqrt(float(square))
        cosines[f"change_{name}_cosine"] = slope / norms if norms > 0 else 0.0
    return cosines


def gradient_values(scalars: Products) -> dict[str, float]:
    """Norms of both gradients, their cosine, and whether they conflict."""
    return {
        "forget_norm": float(scalars.forget_square.sqrt()),
        "retain_norm": float(scalars.retain_square.sqrt()),
        "cosine": scalars.cosine,
        "conflict": float(scalars.inner < 0),
    }


class TelemetryFile:
    """`telemetry.jsonl` of a trial, one step a line.

    Args:
        path: the file.
        resumed_at: lines of later steps are dropped: a resumed run writes them again.
    """

    def __init__(self, path: Path, resumed_at: int) -> None:
        kept = [record for record in read_telemetry(path) if record.step <= resumed_at]
        text = "".join(f"{record.line()}\n" for record in kept)
        if path.is_file() and path.read_text() != text:
            # In one go: what a full disk or a kill would cut off is never written again.
            partial = path.with_suffix(".partial")
            partial.write_text(text)
            partial.replace(path)
        with path.open("a"):
            self._path = path

    def append(self, record: StepRecord) -> None:
        """Write one record."""
        with self._path.open("a") as file:
            file.write(f"{record.line()}\n")


def read_telemetry(path: Path) -> list[StepRecord]:
    """All records of a file; a last line that a killed run left half-written is passed over."""
    if not path.is_file():
        return []
    records = []
    for line in path.read_text().splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            break
        records.append(StepRecord(int(values.pop("step")), values))
    return records
