"""All prompts of an experiment: what teaches and what judges, what to forget and what to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.prompts.concept import Concept
from pipeline.prompts.coverage import distinct_texts, pair_coverage
from pipeline.prompts.prompt import Prompt


@dataclass(frozen=True)
class EarlierErasure:
    """An erasure that the base has behind it, to be judged again.

    Attributes:
        concepts: what was erased then, at once.
        prompts: the held-out prompts of these concepts that it was judged on then.
    """

    concepts: tuple[Concept, ...]
    prompts: tuple[Prompt, ...]


@dataclass(frozen=True)
class PromptSet:
    """Prompts that teach and prompts that judge, which share no sentence.

    Nor do they share a full scene, own prompts apart: those may leave their scene unsaid. Where the
    vocabulary says so (`shares_sentences`) they share both, and differ in the noise alone.

    Attributes:
        concepts: what is erased, resolved in the vocabulary.
        forget_train: prompts of the concepts, in turn.
        retain_train: source -> prompts without the concept, of each source that the vocabulary
            has as many as of forget prompts; `same_context` holds each forget prompt's partner at
            the same place.
        retain_mix: source -> share of the retain batch; together 1.
        forget_test: held-out prompts of the concepts in turn, about a quarter of all that judge.
        retain_test: held-out prompts that name nothing forgotten.
        earlier: what the base has forgotten before, oldest first.
    """

    concepts: tuple[Concept, ...]
    forget_train: tuple[Prompt, ...]
    retain_train: Mapping[str, tuple[Prompt, ...]]
    retain_mix: Mapping[str, float]
    forget_test: tuple[Prompt, ...]
    retain_test: tuple[Prompt, ...]
    earlier: tuple[EarlierErasure, ...] = ()

    @property
    def concept(self) -> Concept:
        """The first concept; the only one unless several are erased at once."""
        return self.concepts[0]

    def coverage(self) -> dict[str, float | None]:
        """Share of pairs of axis values that occur together, of each part.

        Of a concept's axis, forgotten values count for forget prompts and retained values for
        retain prompts; of several concepts the one that is covered least counts. Retain prompts
        that teach are weighed by the mix: the first round(share x N) of a source's N count.
        """
        parts = self._parts()
        retain = dict(self.concept.words.axes)
        for concept in self.concepts:
            retain[concept.kind] = concept.retained
        return {
            part: self._forget_coverage(prompts)
            if part.startswith("forget")
            else pair_coverage(prompts, retain)
            for part, prompts in parts.items()
        }

    def _forget_coverage(self, prompts: Sequence[Prompt]) -> float | None:
        """The least of the concepts' coverages, each over the prompts that name its values."""
        if len(self.concepts) == 1:
            axes = {**self.concept.words.axes, self.concept.kind: self.concept.forgotten}
            return pair_coverage(prompts, axes)
        found = [
            pair_coverage(
                [each for each in prompts if each.labels.get(concept.kind) in concept.forgotten],
                {**concept.words.axes, concept.kind: concept.forgotten},
            )
            for concept in self.concepts
        ]
        return min((share for share in found if share is not None), default=None)

    def distinct(self) -> dict[str, int]:
        """Number of different sentences of each part, weighed by the mix as in `coverage`."""
        return {part: distinct_texts(prompts) for part, prompts in self._parts().items()}

    def report(self) -> dict[str, Any]:
        """What the set is made of, as plain data for JSON."""
        several = [_told(concept) for concept in self.concepts] if len(self.concepts) > 1 else []
        earlier = [name.name for erasure in self.earlier for name in erasure.concepts]
        return {
            **_told(self.concept),
            **({"concepts": several} if several else {}),
            **({"erased_before": earlier} if earlier else {}),
            "retain_mix": dict(self.retain_mix),
            "prompts": {part: len(prompts) for part, prompts in self._parts().items()},
            "distinct": self.distinct(),
            "coverage": self.coverage(),
        }

    def _parts(self) -> dict[str, tuple[Prompt, ...]]:
        weighed = tuple(
            prompt
            for source, prompts in self.retain_train.items()
            for prompt in prompts[: round(self.retain_mix.get(source, 0) * len(prompts))]
        )
        return {
            "forget_train": self.forget_train,
            "retain_train": weighed,
            "forget_test": self.forget_test,
            "retain_test": self.retain_test,
        }


def _told(concept: Concept) -> dict[str, Any]:
    return {
        "kind": concept.kind,
        "forgotten": list(concept.forgotten),
        "anchors": dict(concept.anchors),
        "neighbours": list(concept.neighbours),
    }
