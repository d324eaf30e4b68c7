"""A method beside the comparison's first one: the same seeds, the same prompts."""

from __future__ import annotations

from typing import Final

from pipeline.evaluation.by_prompt import values_by_prompt
from pipeline.evaluation.intervals import Interval, bootstrap_interval
from pipeline.search.comparison_record import PairRecord
from pipeline.tracking.comparison.volumes import SearchVolumes

_BOOTSTRAP_SEED: Final = 0


def differences(
    method: PairRecord, first: PairRecord, searches: tuple[SearchVolumes, SearchVolumes]
) -> dict[str, Interval]:
    """What the method has more than the first one, with 95 % intervals.

    Args:
        method: of the same target.
        first: what is subtracted.
        searches: of both, in this order.

    Returns:
        By metric of the last judgement, over training seeds that both were trained with and over
        prompts; and `hypervolume`, over the search's prompts, of the seeds that both were searched
        with and over those searches. What either lacks is left out.
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
    own, others = searches
    shared = [seed for seed in own.by_seed if seed in others.by_seed]
    if shared:
        found["hypervolume"] = own.mean(shared).minus(others.mean(shared))
    return found
