"""A vocabulary as it is written: one YAML file, a user's own or one that ships."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pipeline.config.sections import Section, Text, rule_broken


def _as_phrases(values: Any) -> Any:
    """A list of values as the mapping that it is short for: each says itself."""
    if not isinstance(values, list):
        return values
    if not all(isinstance(value, str) for value in values):
        odd = next(value for value in values if not isinstance(value, str))
        raise rule_broken("", "values that are text", odd, "put it in quotes")
    if len(set(values)) < len(values):
        raise rule_broken("", "each value once", values, "remove the repeated one")
    return dict(zip(values, values, strict=True))


_AxisName = Annotated[Text, Field(pattern=r"^[a-z][a-z0-9_]*$")]
_Phrase = Annotated[str, Field(strict=True)]
_Values = Annotated[dict[Text, _Phrase], Field(min_length=1), BeforeValidator(_as_phrases)]
_Sentences = Annotated[tuple[_Phrase, ...], Field(min_length=1)]


class VocabularyFile(Section):
    """What a vocabulary's file says; templates are those of `wording`."""

    axes: Annotated[dict[_AxisName, _Values], Field(min_length=1, max_length=8)]
    """Axis -> its values; or value -> what sentences say for it, where that differs. A value for
    which they say nothing is silent: its sentence is that of the others without their word."""
    concept_axes: Annotated[tuple[Text, ...], Field(min_length=1, max_length=2)]
    """The axes that concepts can lie on, one or two; the others are context."""
    sentences: _Sentences
    """Templates, each with a slot for every axis."""
    without: dict[str, _Sentences] = Field(default_factory=dict)
    """Axis -> the sentences where it is left open, one for each of `sentences`; absent: the same
    with nothing in its slot. Of several axes that are left open the first one listed counts."""
    neighbours: dict[str, tuple[Text, ...]] = Field(default_factory=dict)
    """Value -> values of the same axis that its erasure is most likely to drag along, nearest
    first; absent: any other."""
    unnamed: dict[str, Text] = Field(default_factory=dict)
    """Axis -> what a sentence says where it is left open, such as `thing`; absent: nothing."""
    plurals: tuple[Text, ...] = ()
    """Values that take no article."""
    plain: dict[str, Text] = Field(default_factory=dict)
    """Axis -> its value that goes without saying, such as `photo`: bare sentences have it, and it
    is the first choice of an anchor."""
    bare: dict[str, Annotated[int, Field(strict=True, ge=0)]] = Field(default_factory=dict)
    """Concept axis -> which of `sentences`, from 0, is its undiversified one; absent: the first."""
    captions: dict[str, Text] = Field(default_factory=dict)
    """Axis -> template of a caption of one value alone, for judges that compare pictures with
    texts; `{value}` is the value itself. Absent: the bare sentence."""
    held_out: dict[str, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """Axis -> values that only prompts that judge name, all of them on every listed axis (Ko et al.
    2024: disjoint values). One axis at least is context; a concept's own axis is left out. Absent:
    contexts are divided so that combinations differ and single values do not."""
    shares_sentences: Annotated[bool, Field(strict=True)] = False
    """Whether the same sentences teach and judge, from other noise: where there is nothing to say
    but the concept, or a benchmark's protocol asks for it."""
