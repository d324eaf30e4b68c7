"""Which member of a front stands for its method: the same rule for all of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.search.pareto import front_mask
from pipeline.search.records import SweepRecord, TrialRecord


def front_of(record: SweepRecord) -> list[TrialRecord]:
    """The complete trials that no other one dominates, by number."""
    complete = [trial for trial in record.trials if trial.values is not None]
    values = np.array([trial.values for trial in complete], dtype=np.float64)
    mask = front_mask(values, list(record.objectives.values()))
    return [trial for trial, is_member in zip(complete, mask, strict=True) if is_member]


def chosen_member(record: SweepRecord) -> TrialRecord | None:
    """The member of the front whose weakest side is the strongest; None of an empty front.

    Of equal ones it is the one with the lowest number.
    """
    return min(
        front_of(record),
        key=lambda trial: (-weakest_side(trial.metrics, record.base_metrics), trial.number),
        default=None,
    )


def weakest_side(metrics: Mapping[str, float], base: Mapping[str, float]) -> float:
    """The least of erasure, what is kept of both accuracies, and alignment.

    min(erasure, ira / base ira, cra / base cra, alignment); an accuracy of which the base has
    nothing is kept whole, and a cra that is not measured, as there is no second axis, left out.
    """
    return min(
        metrics["erasure"],
        *(_kept(metrics[name], base[name]) for name in ("ira", "cra") if name in metrics),
        metrics["alignment"],
    )


def _kept(value: float, base: float) -> float:
    return value / base if base > 0 else 1.0
