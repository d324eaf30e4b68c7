"""A method beside the comparison's first one: the same seeds, the same prompts."""

from __future__ import annotations

from typing import Final

from pipeline.evaluation.by_prompt import values_by_prompt
from pipeline.evaluation.intervals import Interval, bootstrap_interval
from pipeline.search.comparison_record import PairRecord

_BOOTSTRAP_SEED: Final = 0


def differences(method: PairRecord, first: PairRecord) -> dict[str, Interval]:
    """What the method's chosen member has more than the first one's, with 95 % intervals.

    Args:
        method: of the same target.
        first: what is subtracted.

    Returns:
        By metric of the last judgement, over its prompts and over the training seeds that both were
        trained with; what either lacks is left out.
    """
    theirs = {final.seed: final.report for final in first.finals}
    tables = [
        (values_by_prompt(final.report), values_by_prompt(other))
        for final in method.finals
        if final.report is not None and (other := theirs.get(final.seed)) is not None
    ]
    names = tables[0][0] if tables else {}
    return {
        name: bootstrap_interval([a[name] - b[name] for a, b in tables], _BOOTSTRAP_SEED)
        for name in names
    }
