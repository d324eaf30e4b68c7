"""What a language model is told to write: an instruction, examples, and how sentences begin.

Every sentence begins as one of the vocabulary's does, up to the thing that it is about, and the
model goes on from there. So prompts of a concept name it whatever the model makes of the rest, and
all values come as often as in the vocabulary's own prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from pipeline.prompts.prompt import Prompt
from pipeline.prompts.prompt_set import PromptSet


@dataclass(frozen=True)
class Brief:
    """What to write.

    Attributes:
        instruction: in plain English, one line.
        examples: sentences of the kind that is wanted; at least one.
        openings: how sentences begin, in turn; at least one.
    """

    instruction: str
    examples: tuple[str, ...]
    openings: tuple[str, ...]


def forget_brief(prompt_set: PromptSet) -> Brief:
    """Captions of the concept in ever other scenes."""
    concept = prompt_set.concept
    told = (
        f"each with another scene and each naming the {concept.kind} {_listed(concept.forgotten)}"
    )
    return _brief(told, prompt_set.forget_train, concept.kind)


def retain_brief(prompt_set: PromptSet) -> Brief:
    """Captions of everything else, from all sources of retain prompts in turn."""
    concept = prompt_set.concept
    gone = [value for values in concept.gone.values() for value in values]
    pools = prompt_set.retain_train.values()
    prompts = list(chain.from_iterable(zip(*pools, strict=True)))
    return _brief(
        f"each with another scene and none of them naming {_listed(gone)}", prompts, concept.kind
    )


def _brief(told: str, prompts: Sequence[Prompt], kind: str) -> Brief:
    return Brief(
        instruction=f"Short captions of pictures, one a line, {told}:",
        examples=tuple(dict.fromkeys(prompt.text for prompt in prompts)),
        openings=tuple(_openings(prompts, kind)),
    )


def _openings(prompts: Sequence[Prompt], kind: str) -> Iterator[str]:
    for prompt in prompts:
        value = prompt.labels.get(kind)
        found = value and re.search(re.escape(value), prompt.text, re.IGNORECASE)
        if found:
            yield prompt.text[: found.end()]
        else:
            words = prompt.text.split()
            yield " ".join(words[: -(-len(words) // 2)])


def _listed(values: Sequence[str]) -> str:
    return " or ".join(f"“{value}”" for value in values)
