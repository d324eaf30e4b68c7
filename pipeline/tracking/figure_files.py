"""A sweep's page and pictures as files: for its run in MLflow, and for its own folder."""

from __future__ import annotations

from pathlib import Path

from pipeline.search.records import SweepRecord
from pipeline.tracking.figures import hypervolume_picture, pareto_picture
from pipeline.tracking.page.document import write_document
from pipeline.tracking.page.sweep_data import SweepPages
from pipeline.tracking.page.trial_data import scales
from pipeline.tracking.parameter_figures import importance_picture, parallel_picture
from pipeline.tracking.table import Table, table_of


def write_figures(record: SweepRecord, table: Table, folder: Path, pages: SweepPages) -> list[Path]:
    """Write the page to explore and pictures for reports.

    Args:
        record: the sweep.
        table: its trials.
        folder: gets them.
        pages: what is kept from one call to the next.

    Returns:
        The files, the page first. Parallel coordinates need a parameter that is searched, and
        importances enough trials: without, there are no such files.
    """
    page = folder / "pareto.html"
    write_document(pages.data(record, table), page)
    pareto, volume = folder / "pareto.png", folder / "hypervolume.png"
    pareto_picture(table, pareto)
    reference = pages.reference(record)
    hypervolume_picture(table, volume, None if reference is None else table_of(reference))
    parallel, importance = folder / "parallel.png", folder / "importance.png"
    found = [page, pareto, volume]
    if parallel_picture(table, parallel, scales(record)):
        found.append(parallel)
    if importance_picture(pages.importances(record), importance, table.sweep):
        found.append(importance)
    return found
