"""A method beside the comparison's first one: the same seeds, the same prompts."""

from __future__ import annotations

from typing import Final

from pipeline.evaluation.by_prompt import values_by_prompt
from pipeline.evaluation.intervals import Interval, bootstrap_interval
from pipeline.search.comparison_record import PairRecord
from pipeline.tracking.comparison.volumes import Volumes

_BOOTSTRAP_SEED: Final = 0


def differences(
    method: PairRecord, first: PairRecord, volumes: tuple[Volumes | None, Volumes | None]
) -> dict[str, Interval]:
    """What the method has more than the first one, with 95 % intervals.

    Args:
        method: of the same target.
        first: what is subtracted.
        volumes: of both, in this order; None where there are none.

    Returns:
        By metric of the last judgement, over training seeds that both were trained with and over
        prompts; and `hypervolume`, over the search's prompts. What either lacks is left out.
    """
    theirs = {final.seed: final.report for final in first.finals}
    tables = [
        (values_by_prompt(final.report), values_by_prompt(other))
        for final in method.finals
        if final.report is not None and (other := theirs.get(final.seed)) is not None
    ]
    names = tables[0][0] if tables else {}
    found = {
        name: bootstrap_interval([a[name] - b[name] for a, b in tables], _BOOTSTRAP_SEED)
        for name in names
    }
    own, others = volumes
    if own is not None and others is not None:
        found["hypervolume"] = own.minus(others)
    return found
