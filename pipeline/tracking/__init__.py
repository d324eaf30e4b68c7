"""What people see of a sweep: its mirror in MLflow, figures, the registry, promotion.

Promotion needs torch and MLflow needs seconds to import: both are imported when they are first
asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.tracking.choose import NothingQualifiesError, choose, front_of
from pipeline.tracking.front import table_from_mlflow
from pipeline.tracking.mirror import Backlog, Mirror
from pipeline.tracking.table import Row, Table, table_of
from pipeline.tracking.uri import tracking_uri

if TYPE_CHECKING:
    from pipeline.tracking.promotion import NotConfirmedError, Promotion, SecondJudgement, promote

__all__ = [
    "Backlog",
    "Mirror",
    "NotConfirmedError",
    "NothingQualifiesError",
    "Promotion",
    "Row",
    "SecondJudgement",
    "Table",
    "choose",
    "front_of",
    "promote",
    "table_from_mlflow",
    "table_of",
    "tracking_uri",
]


def __getattr__(name: str) -> Any:
    if name in {"NotConfirmedError", "Promotion", "SecondJudgement", "promote"}:
        from pipeline.tracking import promotion

        return getattr(promotion, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
