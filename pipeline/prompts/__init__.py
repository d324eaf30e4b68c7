"""What to forget and what to keep, in words: concepts, vocabularies, and sets of prompts."""

from pipeline.prompts.concept import NO_ANCHOR, Concept, resolve_concept, resolve_concepts
from pipeline.prompts.own_prompt import OwnPrompt
from pipeline.prompts.own_prompts import read_prompts
from pipeline.prompts.prompt import SOURCES, Prompt
from pipeline.prompts.prompt_set import EarlierErasure, PromptSet
from pipeline.prompts.scene import Scene
from pipeline.prompts.vocabulary import VOCABULARIES, Vocabulary, vocabulary
from pipeline.prompts.writing import build_prompt_set, check_sources

__all__ = [
    "NO_ANCHOR",
    "SOURCES",
    "VOCABULARIES",
    "Concept",
    "EarlierErasure",
    "OwnPrompt",
    "Prompt",
    "PromptSet",
    "Scene",
    "Vocabulary",
    "build_prompt_set",
    "check_sources",
    "read_prompts",
    "resolve_concept",
    "resolve_concepts",
    "vocabulary",
]
