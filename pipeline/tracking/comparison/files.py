"""The files that a comparison's folder holds for people: numbers, table, figures, galleries."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from pipeline.search.comparison_record import ComparisonRecord
from pipeline.search.files import read_json, write_text
from pipeline.search.places import RESULTS
from pipeline.tracking.comparison.fronts import fronts_picture
from pipeline.tracking.comparison.results import Results, TargetResult
from pipeline.tracking.comparison.summary import results_of
from pipeline.tracking.comparison.table import table_of_results
from pipeline.tracking.page.comparison_data import comparison_data
from pipeline.tracking.page.document import write_document

TABLE: Final = "table.md"


def write_results(record: ComparisonRecord) -> Results:
    """Write results.json, table.md, and each target's fronts and gallery beside them.

    Figures of a target that has not changed since the last call are left as they are.
    """
    results = results_of(record)
    before = read_json(record.folder / RESULTS) or {}
    for target in results.targets:
        if not _is_drawn(record.folder, target, before):
            _draw(record, target)
    write_text(record.folder / TABLE, table_of_results(results))
    # Last: it says which figures are up to date.
    write_text(record.folder / RESULTS, results.to_json())
    return results


def figure_names(target: str) -> tuple[str, str, str]:
    """A target's picture of fronts, page of fronts and gallery."""
    return f"fronts-{target}.png", f"fronts-{target}.html", f"gallery-{target}.png"


def _draw(record: ComparisonRecord, target: TargetResult) -> None:
    # It needs torch, which takes seconds to import.
    from pipeline.tracking.comparison.gallery import draw_target_gallery

    picture, page, gallery = (record.folder / name for name in figure_names(target.target))
    if fronts_picture(target, picture):
        write_document(comparison_data(record, target), page)
    pairs = {each.pair.method: each for each in record.pairs if each.pair.target == target.target}
    draw_target_gallery([pairs[method.method] for method in target.methods], gallery)


def _is_drawn(folder: Path, target: TargetResult, before: dict[str, Any]) -> bool:
    known = {each["target"]: each for each in before.get("targets", [])}
    now = json.loads(json.dumps(asdict(target)))
    if known.get(target.target) != now:
        return False
    expected = list(figure_names(target.target))
    if not any(method.front for method in target.methods):
        expected = expected[2:]
    if not any(method.means for method in target.methods):
        expected = expected[:-1]
    return all((folder / name).is_file() for name in expected)
