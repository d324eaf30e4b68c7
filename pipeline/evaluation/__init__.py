"""Judges: erasure, alignment, galleries, reports.

`Report` costs no torch; the others are imported when they are first asked for, so that reading
a finished sweep is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.evaluation.formulas import EARLIER_FORMULAS, METRIC_FORMULAS, PAIRED_FORMULAS
from pipeline.evaluation.report import Report

if TYPE_CHECKING:
    from pipeline.evaluation.classifier import AxisClassifier
    from pipeline.evaluation.judge import Evaluation, evaluate
    from pipeline.evaluation.locate import judge_folder

__all__ = [
    "EARLIER_FORMULAS",
    "METRIC_FORMULAS",
    "PAIRED_FORMULAS",
    "AxisClassifier",
    "Evaluation",
    "Report",
    "evaluate",
    "judge_folder",
]


def __getattr__(name: str) -> Any:
    match name:
        case "AxisClassifier":
            from pipeline.evaluation.classifier import AxisClassifier

            return AxisClassifier
        case "Evaluation" | "evaluate":
            from pipeline.evaluation import judge

            return getattr(judge, name)
        case "judge_folder":
            from pipeline.evaluation.locate import judge_folder

            return judge_folder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
