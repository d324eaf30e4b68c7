"""Comparisons for tests: small enough for seconds, and records of them without a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.config import Comparison, Objective, load_comparison
from pipeline.search.records import SweepRecord, TrialRecord, TrialStatus
from tests.search.spaces import smoke_space

METHOD = """
name: method
concept: {kind: object, forget: [sneaker], anchor: bag}
prompts: {train: 6, test: 16}
synthesis: {steps: 2}
update: {rule: weighted_sum, learning_rate: {log_uniform: [1e-5, 1e-3]}, steps: 16,
  forget_batch: 4, retain_batch: 4, warmup: 1, telemetry_every: 1, checkpoint_every: 2}
evaluation: {steps: 2, gallery: 4, batch: 8}
budget: {trials: 1, max_concurrent: 2, sampler: random}
"""

COMPARISON = """
name: tiny
methods:
  searched: method.yaml
  fixed: {file: method.yaml, set: {update.learning_rate: 1.0e-4}}
targets:
  sneaker: {kind: object, forget: [sneaker], anchor: bag}
final: {seeds: [101], repeats: 2}
"""

BOTH: dict[str, Objective] = {"erasure": "maximize", "alignment": "maximize"}


def comparison_file(folder: Path, text: str = COMPARISON) -> Path:
    """The comparison's file, and its method's beside it."""
    (folder / "method.yaml").write_text(METHOD)
    path = folder / "comparison.yaml"
    path.write_text(text)
    return path


def comparison_in(folder: Path, text: str = COMPARISON) -> Comparison:
    """The comparison that such a file describes."""
    return load_comparison(comparison_file(folder, text))


def ended_trial(number: int, metrics: dict[str, float]) -> TrialRecord:
    """A complete trial that took ten seconds; its objectives are erasure and alignment."""
    values = (metrics["erasure"], metrics["alignment"])
    return replace(other_trial(number, "complete"), values=values, metrics=metrics)


def other_trial(number: int, state: TrialStatus) -> TrialRecord:
    """A trial without a result."""
    return TrialRecord(
        number=number,
        state=state,
        params={},
        values=None,
        metrics={},
        folder=Path(f"trials/{number:04d}"),
        reason=None,
        seconds=None if state == "running" else 10.0,
    )


def sweep_of_trials(*trials: TrialRecord) -> SweepRecord:
    """A finished search with a base that is not perfect."""
    return SweepRecord(
        name="smoke",
        folder=Path("smoke"),
        space=smoke_space(),
        objectives=BOTH,
        base_metrics={"erasure": 0.01, "ira": 0.8, "cra": 0.5, "alignment": 1.0},
        trials=trials,
        status="finished",
    )
