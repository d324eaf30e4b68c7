"""Writing all prompts of an experiment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.config import ConceptConfig, ConfigError, Problem, PromptsConfig, RetainMix
from pipeline.prompts.concept import resolve_concepts
from pipeline.prompts.ground import Ground, grounds_of
from pipeline.prompts.own_pools import own_forget_prompts, own_partner_prompts, own_retain_prompts
from pipeline.prompts.own_tests import own_forget_tests, own_retain_tests, refuse_taught
from pipeline.prompts.pools import (
    forget_drafts,
    forget_prompts,
    forget_test_prompts,
    generic_prompts,
    interleaved,
    neighbour_prompts,
    other_axis_prompts,
    partner_prompts,
    retain_test_prompts,
)
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.prompt_set import EarlierErasure, PromptSet
from pipeline.prompts.vocabulary import Vocabulary, vocabulary
from pipeline.prompts.words import as_read

_FORGET_TEST_SHARE: Final = 0.25


def build_prompt_set(concept: ConceptConfig, prompts: PromptsConfig) -> PromptSet:
    """Write all prompts of an experiment; the same for the same settings, on any machine.

    Concepts that are erased at once share every pool in turn: each has as many forget prompts,
    partners and retain prompts of each source as any other, give or take one.

    Raises:
        ConfigError: there is no such vocabulary or it does not know a concept, the mix asks for a
            source that it lacks, there are too few held-out prompts, or a file of own prompts is
            bad.
    """
    words = vocabulary(prompts.vocabulary)
    concepts = resolve_concepts(concept, words)
    grounds = grounds_of(concepts, prompts.seed)
    forget_test, retain_test = _judging(grounds, prompts)
    held_out: set[str] = set()
    if not words.shares_sentences:
        held_out = {as_read(prompt.text) for prompt in (*forget_test, *retain_test)}
    forget, partners = _paired(grounds, prompts, held_out)
    count = len(forget)
    if prompts.retain_file is not None:
        file = prompts.retain_file
        rows = prompts.retain_rows
        own = own_retain_prompts(concepts[0], file, count, prompts.seed, held_out, rows)
        retain, mix = {"own": own}, {"own": 1.0}
    else:
        share = _longest_share(count, grounds)
        retain = {"same_context": partners}
        for source, written in (
            ("neighbours", neighbour_prompts),
            ("other_axis", other_axis_prompts),
            ("generic", generic_prompts),
        ):
            if source in words.sources:
                retain[source] = interleaved([written(each, share) for each in grounds], count)
        mix = _mix(prompts, words)
    taught = (*forget, *(prompt for source in retain.values() for prompt in source))
    for own_tests, judging in (
        (prompts.test_forget_file, forget_test),
        (prompts.test_retain_file, retain_test),
    ):
        if own_tests is not None:
            refuse_taught(own_tests, judging, taught)
    earlier = _earlier(concept, prompts)
    return PromptSet(concepts, forget, retain, mix, forget_test, retain_test, earlier)


def _mix(config: PromptsConfig, words: Vocabulary) -> dict[str, float]:
    """The shares of the sources; equal ones over those that the vocabulary has, if none is given.

    Raises:
        ConfigError: a share is given to a source that the vocabulary lacks.
    """
    mix = config.retain_mix
    if mix is None:
        mix = RetainMix(**dict.fromkeys(words.sources, 1 / len(words.sources)))
    shares = mix.shares()
    check_sources([source for source, share in shares.items() if share > 0], words)
    return shares


def check_sources(names: Iterable[str], words: Vocabulary) -> None:
    """Refuse sources of retain prompts that a vocabulary has no prompts for.

    Raises:
        ConfigError: with all of them.
    """
    reasons = {
        "other_axis": f"{words.name} has one axis of concepts",
        "generic": f"{words.name} has nothing to say beside the concept",
    }
    known = [*words.sources, "anchor"]
    problems = [
        Problem(
            f"prompts.retain_mix.{name}",
            f"no share, as {reasons[name]}",
            "one",
            f"leave it out; sources here: {', '.join(known)}",
        )
        for name in names
        if name not in known
    ]
    if problems:
        raise ConfigError(problems)


def _paired(
    grounds: Sequence[Ground], config: PromptsConfig, held_out: set[str]
) -> tuple[tuple[Prompt, ...], tuple[Prompt, ...]]:
    """Forget prompts that teach, and their partners."""
    if config.forget_file is not None:
        concept = grounds[0].concept
        file, rows = config.forget_file, config.forget_rows
        own = own_forget_prompts(concept, file, config.train, config.seed, held_out, rows)
        return own, own_partner_prompts(concept, own, config.seed, held_out)
    share = _longest_share(config.train, grounds)
    drafts = [forget_drafts(each, config.forget_diversity, share) for each in grounds]
    forget = [
        forget_prompts(each.concept, mine) for each, mine in zip(grounds, drafts, strict=True)
    ]
    partners = [
        partner_prompts(each.concept, mine, each.seed)
        for each, mine in zip(grounds, drafts, strict=True)
    ]
    return interleaved(forget, config.train), interleaved(partners, config.train)


def _judging(
    grounds: Sequence[Ground], config: PromptsConfig
) -> tuple[tuple[Prompt, ...], tuple[Prompt, ...]]:
    """Held-out prompts of the concepts and of all else; each from the vocabulary or a file."""
    forget = _forget_test(grounds, config)
    retain = retain_test_prompts(grounds[0], config.test - len(forget))
    concept, seed = grounds[0].concept, config.seed
    if config.test_forget_file is not None:
        forget = own_forget_tests(concept, config.test_forget_file, seed, config.forget_rows)
    if config.test_retain_file is not None:
        retain = own_retain_tests(concept, config.test_retain_file, seed, config.retain_rows)
    return forget, retain


def _forget_test(grounds: Sequence[Ground], config: PromptsConfig) -> tuple[Prompt, ...]:
    """Held-out prompts of all concepts, in equal shares."""
    least = 2 * len(grounds)
    if config.test < least:
        remedy = f"{len(grounds)} concepts are judged on at least one prompt each"
        raise ConfigError([Problem("prompts.test", f"{least} or more", str(config.test), remedy)])
    count = max(len(grounds), round(_FORGET_TEST_SHARE * config.test))
    share = _longest_share(count, grounds)
    return interleaved([forget_test_prompts(each, share) for each in grounds], count)


def _earlier(concept: ConceptConfig, now: PromptsConfig) -> tuple[EarlierErasure, ...]:
    """The forget prompts that judged each earlier erasure, exactly as they were."""
    found = []
    for place, erasure in enumerate(concept.erased):
        then = ConceptConfig(
            kind=erasure.kind,
            forget=erasure.forget,
            also=tuple(target.model_copy(update={"anchor": None}) for target in erasure.also),
            erased=concept.erased[:place],
        )
        own = {"test": erasure.test, "seed": erasure.seed}
        changed = {name: value for name, value in own.items() if value is not None}
        prompts = now.model_copy(update=changed)
        concepts = resolve_concepts(then, vocabulary(prompts.vocabulary))
        judging = _forget_test(grounds_of(concepts, prompts.seed), prompts)
        found.append(EarlierErasure(concepts, judging))
    return tuple(found)


def _longest_share(count: int, grounds: Sequence[Ground]) -> int:
    return -(-count // len(grounds))
