"""Which model is unlearned, and what of it may move."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from pipeline.config.sections import Count, Positive, Section, Text, rule_broken


def _as_pattern(text: str) -> str:
    try:
        re.compile(text)
    # Parentheses in hundreds of others, or counts that no computer holds.
    except (re.error, RecursionError, OverflowError) as error:
        expected = "a regular expression"
        raise rule_broken("", expected, text, f"it cannot be read: {error}") from error
    return text


class LoraSettings(Section):
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) beside the chosen linear layers."""

    rank: Count = 8
    """Columns of the two factors; 1 or more."""
    alpha: Positive | None = None
    """What the product of the factors is multiplied with, divided by the rank; above 0, none for
    the rank itself."""


class ModelConfig(Section):
    """Which model is unlearned, and which of its parameters move."""

    base: Text = "fashion-canvas"
    """`fashion-canvas` (embedded), a diffusers folder, or a hub id."""
    revision: Text | None = None
    """Commit, tag or branch of a hub id; none for folders and the embedded model."""
    train: Literal[
        "all", "attention", "cross_attention", "without_cross_attention", "text_encoder"
    ] = "cross_attention"
    """Every parameter of the denoiser, its attention blocks only, those of them that read the
    prompt, all but those; or in its place the CLIP text encoders (a T5 always stays)."""
    pattern: Annotated[Text, AfterValidator(_as_pattern)] | None = None
    """Regular expression found in the names of those among them that move; none for all of them."""
    lora: LoraSettings | None = None
    """Adapters beside the chosen linear layers move, and the layers themselves stay."""
