"""A method beside the comparison's first one: the same seeds, the same prompts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.evaluation.by_prompt import values_by_prompt
from pipeline.evaluation.intervals import Interval, bootstrap_interval
from pipeline.search.comparison_record import PairRecord
from pipeline.tracking.comparison.volumes import VolumesBySeed

_BOOTSTRAP_SEED: Final = 0


@dataclass(frozen=True)
class Covered:
    """What a method covers: by its searches, and by its chosen member judged anew."""

    searched: VolumesBySeed
    anew: VolumesBySeed

    def minus(self, other: Covered) -> Iterator[tuple[str, Interval]]:
        """(Name, difference) of both, of the seeds that both methods have."""
        for name, own, others in (
            ("hypervolume", self.searched, other.searched),
            ("hypervolume_anew", self.anew, other.anew),
        ):
            mean = own.minus(others).mean()
            if mean is not None:
                yield name, mean.interval()


def differences(
    method: PairRecord, first: PairRecord, covered: tuple[Covered, Covered]
) -> dict[str, Interval]:
    """What the method has more than the first one, with 95 % intervals.

    Args:
        method: of the same target.
        first: what is subtracted.
        covered: by both, in this order.

    Returns:
        By metric of the last judgement, over training seeds that both were trained with and over
        prompts; `hypervolume`, over the search's prompts and the seeds that both were searched
        with; and `hypervolume_anew`, of the chosen members by themselves, over the last
        judgement's prompts and those training seeds. What either lacks is left out.
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
    own, others = covered
    return {**found, **dict(own.minus(others))}
