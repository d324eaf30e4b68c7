"""All prompts of an experiment: what teaches and what judges, what to forget and what to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.config import ConceptConfig, PromptsConfig
from pipeline.prompts.concept import Concept, resolve_concept
from pipeline.prompts.coverage import distinct_texts, pair_coverage
from pipeline.prompts.own_pools import own_forget_prompts, own_partner_prompts, own_retain_prompts
from pipeline.prompts.pools import (
    forget_drafts,
    forget_prompts,
    generic_prompts,
    held_out_prompts,
    neighbour_prompts,
    other_axis_prompts,
    partner_prompts,
)
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.splits import Split, split_contexts
from pipeline.prompts.vocabulary import vocabulary
from pipeline.prompts.words import as_read

__all__ = ["Prompt", "PromptSet", "build_prompt_set"]

_FORGET_TEST_SHARE: Final = 0.25


@dataclass(frozen=True)
class PromptSet:
    """Prompts that teach and prompts that judge, which share no sentence.

    Nor do they share a full scene, own prompts apart: those may leave their scene unsaid.

    Attributes:
        concept: what is erased, resolved in its vocabulary.
        forget_train: prompts of the concept.
        retain_train: source -> prompts without the concept, of each source as many as of forget
            prompts; `same_context` holds each forget prompt's partner at the same place.
        retain_mix: source -> share of the retain batch; together 1.
        forget_test: held-out prompts of the concept, about a quarter of all that judge.
        retain_test: held-out prompts without it.
    """

    concept: Concept
    forget_train: tuple[Prompt, ...]
    retain_train: Mapping[str, tuple[Prompt, ...]]
    retain_mix: Mapping[str, float]
    forget_test: tuple[Prompt, ...]
    retain_test: tuple[Prompt, ...]

    def coverage(self) -> dict[str, float | None]:
        """Share of pairs of axis values that occur together, of each part.

        Of the concept's axis, forgotten values count for forget prompts and retained values for
        retain prompts. Retain prompts that teach are weighed by the mix: the first
        round(share x N) of a source's N count.
        """
        axes = self.concept.words.axes
        forget = {**axes, self.concept.kind: self.concept.forgotten}
        retain = {**axes, self.concept.kind: self.concept.retained}
        return {
            part: pair_coverage(prompts, forget if part.startswith("forget") else retain)
            for part, prompts in self._parts().items()
        }

    def distinct(self) -> dict[str, int]:
        """Number of different sentences of each part, weighed by the mix as in `coverage`."""
        return {part: distinct_texts(prompts) for part, prompts in self._parts().items()}

    def report(self) -> dict[str, Any]:
        """What the set is made of, as plain data for JSON."""
        return {
            "kind": self.concept.kind,
            "forgotten": list(self.concept.forgotten),
            "anchors": dict(self.concept.anchors),
            "neighbours": list(self.concept.neighbours),
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


def build_prompt_set(concept: ConceptConfig, prompts: PromptsConfig) -> PromptSet:
    """Write all prompts of an experiment; the same for the same settings, on any machine.

    Raises:
        ConfigError: the vocabulary does not know the concept, or a file of own prompts is bad.
        ValueError: there is no such vocabulary.
    """
    resolved = resolve_concept(concept, vocabulary(prompts.vocabulary))
    split = split_contexts(resolved, prompts.seed)
    to_forget = max(1, round(_FORGET_TEST_SHARE * prompts.test))
    judging = [
        held_out_prompts(resolved, values, split.test, count, prompts.seed)
        for values, count in (
            (resolved.forgotten, to_forget),
            (resolved.retained, prompts.test - to_forget),
        )
    ]
    held_out = {as_read(prompt.text) for part in judging for prompt in part}
    forget, partners = _paired(resolved, prompts, split, held_out)
    if prompts.retain_file is not None:
        own = own_retain_prompts(resolved, prompts.retain_file, len(forget), prompts.seed, held_out)
        return PromptSet(resolved, forget, {"own": own}, {"own": 1.0}, *judging)
    arguments = (resolved, split.train, len(forget), prompts.seed)
    retain = {
        "same_context": partners,
        "neighbours": neighbour_prompts(*arguments),
        "other_axis": other_axis_prompts(*arguments),
        "generic": generic_prompts(*arguments),
    }
    return PromptSet(resolved, forget, retain, prompts.retain_mix.shares(), *judging)


def _paired(
    concept: Concept, config: PromptsConfig, split: Split, held_out: set[str]
) -> tuple[tuple[Prompt, ...], tuple[Prompt, ...]]:
    """Forget prompts that teach, and their partners."""
    if config.forget_file is not None:
        own = own_forget_prompts(concept, config.forget_file, config.train, config.seed, held_out)
        return own, own_partner_prompts(concept, own, config.seed, held_out)
    drafts = forget_drafts(concept, split.train, config.forget_diversity, config.train, config.seed)
    return forget_prompts(concept, drafts), partner_prompts(concept, drafts, config.seed)
