"""Where the prompts of one concept come from: its contexts, its seed, and where it begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.prompts.concept import Concept
from pipeline.prompts.randomness import shuffled, stream
from pipeline.prompts.scene import Scene
from pipeline.prompts.splits import Split, split_all
from pipeline.prompts.walks import walk

_SEEDS_APART = 2**31  # seeds of experiments lie below


@dataclass(frozen=True)
class Ground:
    """Where the prompts of one concept come from.

    Attributes:
        concept: what is erased.
        split: its contexts.
        seed: of all its pools.
        start: where its walks begin, a share in [0, 1): concepts that are erased together walk
            the same contexts from different places.
    """

    concept: Concept
    split: Split
    seed: int
    start: float = 0.0

    def walk(self, values: Sequence[str | None], count: int, start: float) -> Iterator[Scene]:
        """Scenes that teach."""
        fits = self._fits if self.split.across else None
        begin = (start + self.start) % 1.0
        return walk(self.concept, values, self.split.train, count, begin, fits)

    def forget_walk(self, count: int) -> Iterator[Scene]:
        """Scenes of the concept whose partners are scenes that teach."""
        concept, fits = self.concept, self._partner_fits if self.split.across else None
        return walk(concept, concept.forgotten, self.split.train, count, self.start, fits)

    def _fits(self, _place: int, scene: Scene) -> bool:
        return self.split.teaches(self.concept, scene)

    def _partner_fits(self, place: int, scene: Scene) -> bool:
        partner = partner_value(self.concept, place, self.seed)
        return self.split.teaches(self.concept, self.concept.place(partner, scene))


def grounds_of(concepts: Sequence[Concept], seed: int) -> tuple[Ground, ...]:
    """One ground a concept; the first one's is what it would have alone on its axis."""
    return tuple(
        Ground(concept, split, seed + place * _SEEDS_APART, place / len(concepts))
        for place, (concept, split) in enumerate(
            zip(concepts, split_all(concepts, seed), strict=True)
        )
    )


def partner_value(concept: Concept, place: int, seed: int) -> str:
    """The retained value of a partner: of R of them, each comes once in R places."""
    turn, within = divmod(place, len(concept.retained))
    return shuffled(concept.retained, stream(seed, "same_context", turn))[within]
