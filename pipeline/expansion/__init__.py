"""Prompts that a language model writes, in the words of no template."""

from pipeline.expansion.brief import Brief, forget_brief, retain_brief
from pipeline.expansion.expanding import Expansion, write_prompts
from pipeline.expansion.language_model import LanguageModel, load_language_model
from pipeline.expansion.length import length_check

__all__ = [
    "Brief",
    "Expansion",
    "LanguageModel",
    "forget_brief",
    "length_check",
    "load_language_model",
    "retain_brief",
    "write_prompts",
]
