"""Sweep folders as a sweep leaves them: a real study, and trials with real files in them."""

from __future__ import annotations

import base64
import io
import json
import math
from pathlib import Path

from PIL import Image

from pipeline.config import dump_experiment, dump_space, parse_space
from pipeline.search.distributions import flatten
from pipeline.search.files import write_json
from pipeline.search.outcome import Outcome
from pipeline.search.records import SweepRecord, read_sweep
from pipeline.search.rung import RungReport
from pipeline.search.study import SweepStudy
from pipeline.unlearning.telemetry import StepRecord

SPACE = """
name: tiny
concept: {kind: object, forget: [sneaker]}
prompts:
  forget_diversity: {uniform: [0, 1]}
  retain_mix: {simplex: [same_context, neighbours, generic]}
update:
  restriction: {choice: [gradient, none]}
  learning_rate: {log_uniform: [1e-5, 1e-3]}
objectives: {erasure: maximize, alignment: maximize}
budget: {trials: 6, sampler: random}
"""

SCORES = ((0.9, 0.8), (0.5, 0.99), (0.4, 0.7), (0.99, 0.3))
"""Erasure and alignment by trial: all but the third one are on the front."""

STEPS = tuple(range(5, 45, 5))


class Sweep:
    """A sweep's folder that grows as a test wants it to.

    Args:
        folder: of the sweep; its name is the sweep's.
        scores: erasure and alignment of the trials that are complete from the start.
        created: time of day at which it began.
        text: the search space.
    """

    def __init__(
        self,
        folder: Path,
        scores: tuple[tuple[float, float], ...] = (),
        created: str = "12:00:00",
        text: str = SPACE,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        space = parse_space(text.replace("tiny", folder.name))
        self._space = space
        (folder / "space.yaml").write_text(dump_space(space))
        self._created = f"2026-01-02T{created}Z"
        self.status("running")
        base = {"erasure": 0.02, "alignment": 1.0, "ua": 0.01}
        write_json(folder / "base.json", {"metrics": base})
        write_json(folder / "prompts.json", {"forget_train": ["a photo of a sneaker"]})
        self._study = SweepStudy(folder, space)
        for erasure, alignment in scores:
            self.finish(self.begin(), erasure, alignment)

    @property
    def record(self) -> SweepRecord:
        """The folder as search reads it."""
        return read_sweep(self.folder)

    def status(self, status: str) -> None:
        """Set the sweep's status."""
        facts = {"name": self.folder.name, "created": self._created, "version": "0.1.0"}
        write_json(self.folder / "sweep.json", {**facts, "base": "f" * 64, "status": status})

    def trial(self, number: int) -> Path:
        """A trial's folder."""
        return self.folder / "trials" / f"{number:04d}"

    def begin(self, steps: tuple[int, ...] = STEPS) -> int:
        """Propose a trial and write what it has after some steps."""
        proposal = self._study.ask()
        folder = self.trial(proposal.number)
        folder.mkdir(parents=True)
        experiment = dump_experiment(self._space.fill(proposal.values))
        (folder / "experiment.yaml").write_text(experiment)
        write_json(folder / "params.json", flatten(proposal.values))
        self.train(proposal.number, steps)
        return proposal.number

    def train(self, number: int, steps: tuple[int, ...]) -> None:
        """Append telemetry of some steps."""
        with (self.trial(number) / "telemetry.jsonl").open("a") as file:
            for step in steps:
                file.write(f"{telemetry(number, step).line()}\n")

    def finish(self, number: int, erasure: float, alignment: float) -> None:
        """End a trial with a report."""
        metrics = {"erasure": erasure, "alignment": alignment, "ua": erasure, "cra": 0.95}
        folder = self.trial(number)
        report = {
            "metrics": metrics,
            "neighbours": {"sandal": 0.9, "ankle boot": 0.8},
            "paired": {"ira": {"mean": -0.05, "low": -0.125, "high": 0.025, "count": 40}},
        }
        (folder / "report.json").write_text(json.dumps(report))
        put_thumbnails(folder / "thumbnails.json", 10 * number)
        write_json(folder / "timing.json", {"training": 3.5, "judging": 1.5})
        Image.new("RGB", (64, 32), (10 * number, 90, 120)).save(folder / "gallery.png")
        self._study.tell(number, Outcome(metrics, None, 5.0))

    def tell(self, number: int, outcome: Outcome) -> None:
        """End a trial that was really run."""
        self._study.tell(number, outcome)

    def fail(self, number: int, reason: str) -> None:
        """End a trial without one."""
        kind, _, message = reason.partition(": ")
        write_json(self.trial(number) / "failure.json", {"kind": kind, "message": message})
        self._study.tell(number, Outcome({}, reason, 1.0))

    def prune(self, number: int) -> None:
        """Stop a trial early, at its second rung."""
        for rung, (step, erasure) in enumerate(((10, 0.25), (30, 0.5))):
            values = {"erasure": erasure, "alignment": 0.75}
            self._study.enter_rung(number, RungReport(rung, step, values))
        self._study.prune(number, "worse than most")


TEXTS = ("a photo of a sneaker", "a neon sneaker", "a photo of a bag", "a neon bag")


def put_thumbnails(path: Path, level: int, *, sensitive: bool = False) -> None:
    """Pictures of one grey on four prompts, two of which name the concept; the base's are black."""
    story = {
        "questions": [[text, 7, "sneaker" in text] for text in TEXTS],
        "size": [8, 8],
        "before": strip(0, 4),
        "after": strip(level % 256, 4),
        "small": strip(level % 256, 2),
        "sensitive": sensitive,
        "blurred": False,
    }
    write_json(path, story)


def strip(level: int, count: int) -> str:
    """Pictures of one grey in a row, as WebP in base64."""
    file = io.BytesIO()
    Image.new("RGB", (8 * count, 8), (level, level, level)).save(file, "WEBP")
    return base64.b64encode(file.getvalue()).decode()


def telemetry(number: int, step: int) -> StepRecord:
    """What a trial measured at a step; every number is different."""
    values = {"forget_loss": math.exp(-step / 7) + number, "cosine": -1 / step}
    return StepRecord(step, {**values, "conflict": float(step % 10 == 0)})
